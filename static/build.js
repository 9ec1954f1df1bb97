// The builder with less pressing: a value of the tree goes where the cursor is, and what would be sent is shown as one types.
// Without it each of these is a button that asks the server.
"use strict";

(function () {
  const WAIT_MS = 500;
  const form = document.getElementById("build");
  const into = document.getElementById("into");
  const outlook = document.getElementById("outlook");
  if (!form || !outlook) return;
  let timer = 0;
  let asked = 0;
  // The field or condition that what a function makes goes into; the value that it works on is none.
  const WORKED_ON = "fn.value";
  let last = "";
  function chosen() {
    if (into && into.value !== WORKED_ON) last = into.value;
  }
  chosen();

  function control(name) {
    return Array.from(form.querySelectorAll("[data-into]")).find((one) => one.dataset.into === name);
  }

  form.addEventListener("focusin", (event) => {
    const name = event.target.dataset && event.target.dataset.into;
    if (name && into && Array.from(into.options).some((one) => one.value === name)) into.value = name;
    chosen();
  });
  if (into) into.addEventListener("change", chosen);

  // Puts a value where the cursor was, in the control that it goes into.
  function put(path) {
    const target = into && control(into.value);
    if (!target) return false;
    const folded = target.closest("details:not([open])");
    if (folded) folded.open = true;
    if ("bare" in target.dataset) target.value = path;
    else target.setRangeText("{{ " + path + " }}", target.selectionStart, target.selectionEnd, "end");
    target.focus();
    target.dispatchEvent(new Event("input", { bubbles: true }));
    return true;
  }

  // What was told is swapped in place; what is being written stays.
  function tell(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const news = fresh.getElementById("outlook");
    if (!news) return;
    for (const slot of form.querySelectorAll("[data-told]")) {
      const other = fresh.getElementById(slot.id);
      if (other && other.innerHTML !== slot.innerHTML) slot.replaceChildren(...other.childNodes);
      const owner = slot.parentElement.querySelector("[aria-describedby='" + slot.id + "']");
      if (owner) owner.setAttribute("aria-invalid", String(Boolean(slot.querySelector(".wrong"))));
    }
    const verdict = document.getElementById("verdict");
    const said = fresh.getElementById("verdict");
    if (verdict && said && verdict.textContent !== said.textContent) verdict.textContent = said.textContent;
    outlook.replaceChildren(...news.childNodes);
    outlook.classList.remove("aged");
  }

  async function look() {
    const mine = ++asked;
    const body = new URLSearchParams(new FormData(form));
    body.set("act", "check");
    try {
      const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin", redirect: "error" });
      const text = await answer.text();
      if (mine === asked && answer.ok) tell(text);
    } catch {
      outlook.classList.add("aged");
    }
  }

  function soon() {
    window.clearTimeout(timer);
    timer = window.setTimeout(look, WAIT_MS);
  }

  form.addEventListener("input", (event) => {
    if (event.target !== into && !["booking", "find"].includes(event.target.id)) soon();
  });
  form.addEventListener("submit", (event) => {
    const act = event.submitter ? event.submitter.value : "";
    if (act.startsWith("put ") && put(act.slice(4))) event.preventDefault();
    if (!event.defaultPrevented && into && into.value === WORKED_ON && last) into.value = last;
    // Another action has other fields, another booking other values: those are asked for anew.
    window.clearTimeout(timer);
    asked++;
    if (event.defaultPrevented) soon();
  });
})();
