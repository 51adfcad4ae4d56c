// One sentence about what went wrong or what was changed, read out by screen readers.
const sentence = element.querySelector("p");

function say() {
  const text = props.value || "";
  sentence.textContent = window.stylehub?.sentence(text) ?? text;
  element.classList.toggle("empty", !props.value);
}

watch("value", say);
say();
