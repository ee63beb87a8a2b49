/* Offers the versions of these pages that stand beside this one; docs/versions.py names them. */
const VERSIONS = [];

document.addEventListener("DOMContentLoaded", () => {
  const place = document.querySelector(".version");
  if (!place || VERSIONS.length < 2) return;
  const top = new URL(place.dataset.top, location.href);
  const here = top.pathname.split("/").at(-2);
  const select = document.createElement("select");
  select.setAttribute("aria-label", "Version of these pages");
  for (const name of VERSIONS) select.add(new Option(name, name, false, name === here));
  select.addEventListener("change", () => {
    location.href = new URL(`../${select.value}/index.html`, top);
  });
  place.replaceChildren(select);
});
