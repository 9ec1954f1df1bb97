// Numbers beside the lines of a file, and the way from what is told to its line. Without it the line is told with its text.
"use strict";

(function () {
  const text = document.getElementById("text");
  const numbers = document.querySelector(".numbers");
  if (!text || !numbers) return;
  let counted = 0;

  function count() {
    const lines = text.value.split("\n").length;
    if (lines !== counted) {
      counted = lines;
      numbers.textContent = Array.from({ length: lines }, (_, at) => at + 1).join("\n");
    }
    numbers.scrollTop = text.scrollTop;
  }
  numbers.hidden = false;
  count();
  text.addEventListener("input", count);
  text.addEventListener("scroll", count);

  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[data-line]");
    if (!link) return;
    event.preventDefault();
    const lines = text.value.split("\n");
    const line = Math.min(Number(link.dataset.line), lines.length) - 1;
    const start = lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0);
    text.focus();
    text.setSelectionRange(start, start + lines[line].length);
    const height = parseFloat(getComputedStyle(text).lineHeight);
    text.scrollTop = Math.max(0, line * height - text.clientHeight / 2);
  });
})();
