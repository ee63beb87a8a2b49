/* A button on each example copies what one would type: of a session the commands, without prompts
   and answers. */
const typed = (text) => {
  const lines = text.trimEnd().split("\n");
  for (const prompts of [/^\$ /, /^(>>>|\.\.\.)( |$)/]) {
    if (!prompts.test(lines[0])) continue;
    const own = lines.filter((line) => prompts.test(line) && line !== "...");
    return own.map((line) => line.replace(prompts, "")).join("\n");
  }
  return lines.join("\n");
};

document.addEventListener("DOMContentLoaded", () => {
  if (!navigator.clipboard) return;
  for (const example of document.querySelectorAll("div.highlight")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(typed(example.querySelector("pre").textContent));
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    example.append(button);
  }
});
