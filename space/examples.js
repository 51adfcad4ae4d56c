// The example photos. `props.photos` has their names and small pictures; `props.value` is the name of the chosen one.
const strip = element.querySelector(".examples");

for (const photo of props.photos) {
  const button = document.createElement("button");
  button.type = "button";
  const picture = document.createElement("img");
  picture.src = photo.picture;
  picture.alt = "";
  button.setAttribute("aria-label", `Use the example photo: ${photo.name.replaceAll("-", " ")}`);
  button.append(picture);
  button.addEventListener("click", () => {
    props.value = photo.name;
    trigger("pick");
  });
  strip.append(button);
}
