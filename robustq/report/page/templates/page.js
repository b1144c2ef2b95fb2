"use strict";
(() => {
  const each = (root, selector, act) => root.querySelectorAll(selector).forEach(act);

  // Sorting: a click on a column's button sorts the rows of its table; a second click turns the order round.
  each(document, "button.sort", (button) => {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const body = head.closest("table").tBodies[0];
      const column = [...head.parentNode.children].indexOf(head);
      const rising = head.getAttribute("aria-sort") !== "ascending";
      each(head.parentNode, "th", (other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        // What has no value stands at the end in either order.
        if (x === "" || y === "") return (x === "") - (y === "");
        const order = head.dataset.kind === "number" ? x - y : x.localeCompare(y, undefined, { numeric: true });
        return rising ? order : -order;
      };
      body.append(...[...body.rows].sort(compare));
    });
  });

  // Filters: a chapter shows what has the chosen perturbation, domain, label and models.
  each(document, ".chapter", (chapter) => {
    const apply = () => {
      const wanted = {};
      each(chapter, "select[data-filter]", (select) => { wanted[select.dataset.filter] = select.value; });
      const off = new Set();
      each(chapter, "input[data-model]", (box) => { if (!box.checked) off.add(box.dataset.model); });
      each(chapter, "[data-perturbation]", (item) => {
        const fits = (name) => !(name in wanted) || wanted[name] === "*" || item.dataset[name] === wanted[name];
        item.hidden = !["perturbation", "domain"].every(fits) || (item.dataset.label !== undefined
          && item.dataset.label !== (wanted.label ?? "")) || off.has(item.dataset.number);
      });
      each(chapter, "g[data-line]", (line) => line.classList.toggle("off", off.has(line.dataset.line)));
    };
    each(chapter, "select[data-filter], input[data-model]", (input) => input.addEventListener("change", apply));
    each(chapter, "input[data-values]", (box) => box.addEventListener("change", () => {
      chapter.classList.toggle("with-values", box.checked);
    }));
    apply();
  });

  // The slices of a volume.
  each(document, "input[data-slices]", (slider) => {
    const show = () => {
      each(slider.closest("figure"), "[data-slice]", (slice) => { slice.hidden = slice.dataset.slice !== slider.value; });
      slider.nextElementSibling.textContent = `${Number(slider.value) + 1} of ${Number(slider.max) + 1}`;
    };
    slider.addEventListener("input", show);
    show();
  });

  // Copying a command.
  each(document, "button.copy", (button) => {
    button.addEventListener("click", async () => {
      const text = button.parentNode.querySelector("code").textContent;
      let copied = true;
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        const area = document.createElement("textarea");
        area.value = text;
        document.body.append(area);
        area.select();
        copied = document.execCommand("copy");
        area.remove();
      }
      button.textContent = copied ? "Copied" : "Not copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  });

  // On paper, everything is open.
  const closed = [];
  window.addEventListener("beforeprint", () => {
    each(document, "details:not([open])", (part) => { closed.push(part); part.open = true; });
  });
  window.addEventListener("afterprint", () => { closed.splice(0).forEach((part) => { part.open = false; }); });
})();
