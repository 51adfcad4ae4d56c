// Example photos, or pairs of a photo and what it is painted like. `props.choices` has their names, `props.pictures` a
// small picture of each; `props.value` is the chosen one, the two names of a pair with a space between.
const strip = element.querySelector(".examples");
const words = props.words[navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"];
strip.setAttribute("aria-label", words["examples"]);

for (const names of props.choices) {
  const button = document.createElement("button");
  button.type = "button";
  button.title = names.map((name) => words[name] || name).join(" + ");
  button.setAttribute("aria-label", button.title);
  for (const name of names) {
    const picture = document.createElement("img");
    picture.src = props.pictures[name];
    picture.alt = "";
    button.append(picture);
  }
  button.addEventListener("click", () => {
    props.value = names.join(" ");
    trigger("pick");
  });
  strip.append(button);
}
