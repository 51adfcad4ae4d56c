// One sentence about what went wrong or what was changed, read out by screen readers.
const sentence = element.querySelector("p");

function say() {
  sentence.textContent = props.value || "";
  element.classList.toggle("empty", !props.value);
}

watch("value", say);
say();
