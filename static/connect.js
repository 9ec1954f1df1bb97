// Copies what stands beside a button. Without script the text can be selected, and there is no button.
"use strict";

(function () {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const from = document.getElementById(button.dataset.copy);
    if (!from) continue;
    button.hidden = false;
    const words = button.textContent;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(from.textContent.trim());
        button.textContent = "Copied";
      } catch {
        // The browser does not let us: it is selected at least.
        window.getSelection().selectAllChildren(from);
        button.textContent = "Press Ctrl+C to copy";
      }
      window.setTimeout(() => { button.textContent = words; }, 3000);
    });
  }
})();
