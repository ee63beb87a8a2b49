/* Has a lab be as light or dark as the reader has made the page around it; without this, and where
   the page is a file of this computer, it is as the system is. */
document.addEventListener("DOMContentLoaded", () => {
  const frames = document.querySelectorAll(".lab iframe");
  const shade = () => {
    const { theme } = document.body.dataset;
    for (const { contentDocument } of frames) {
      if (contentDocument) contentDocument.documentElement.style.colorScheme = theme === "auto" ? "" : theme;
    }
  };
  for (const frame of frames) frame.addEventListener("load", shade);
  new MutationObserver(shade).observe(document.body, { attributeFilter: ["data-theme"] });
});
