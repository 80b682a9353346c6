(function () {
  document.body.classList.add("js");

  function value(row, column) {
    var cell = row.cells[column];
    return cell ? cell.dataset.v || cell.textContent.trim() : "";
  }

  function compare(a, b) {
    var x = Number(a), y = Number(b);
    if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1;
    return isNaN(x) || isNaN(y) ? a.localeCompare(b) : x - y;
  }

  function sort(table, head, column) {
    var down = head.getAttribute("aria-sort") === "ascending";
    head.parentNode.querySelectorAll("[aria-sort]").forEach(function (other) { other.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    Array.from(table.tBodies).forEach(function (group) {
      var rows = Array.from(group.rows).filter(function (row) { return !row.classList.contains("group"); });
      rows.sort(function (a, b) { return (down ? -1 : 1) * compare(value(a, column), value(b, column)); });
      rows.forEach(function (row) { group.appendChild(row); });
    });
  }

  document.querySelectorAll("table.sort").forEach(function (table) {
    var heads = table.tHead.rows[table.tHead.rows.length - 1].cells;
    Array.from(heads).forEach(function (head, column) {
      head.tabIndex = 0;
      head.addEventListener("click", function () { sort(table, head, column); });
      head.addEventListener("keydown", function (event) { if (event.key === "Enter") sort(table, head, column); });
    });
  });

  function csv(table) {
    return Array.from(table.rows).map(function (row) {
      return Array.from(row.cells).map(function (cell) {
        return '"' + cell.innerText.trim().replace(/"/g, '""') + '"';
      }).join(",");
    }).join("\n");
  }

  document.querySelectorAll(".tbl").forEach(function (box) {
    var table = box.querySelector("table"), tools = document.createElement("div"), button = document.createElement("button");
    tools.className = "tools";
    button.type = "button";
    button.textContent = WORDS.csv;
    button.addEventListener("click", function () {
      if (!navigator.clipboard) return;
      navigator.clipboard.writeText(csv(table)).then(function () { button.textContent = WORDS.copied; });
    });
    tools.appendChild(button);
    box.insertBefore(tools, table);
  });

  var dialog = document.querySelector("dialog");
  document.addEventListener("click", function (event) {
    var picture = event.target.closest(".gallery img, .panels img, figure svg");
    if (dialog.open) { dialog.close(); return; }
    if (!picture) return;
    dialog.replaceChildren(picture.cloneNode(true));
    if (picture.alt) dialog.appendChild(Object.assign(document.createElement("p"), { textContent: picture.alt }));
    dialog.showModal();
  });

  document.querySelectorAll("[data-setlang]").forEach(function (button) {
    button.addEventListener("click", function () { document.body.dataset.lang = button.dataset.setlang; });
  });
})();
