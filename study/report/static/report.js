(function () {
  document.body.classList.add("js");
  var MISSING = "–";

  // what a reader sees of a cell, without the mark of its arm
  function words(cell) {
    var mark = cell.querySelector(".mark"), text = cell.innerText.trim();
    return (mark ? text.slice(mark.textContent.length) : text).replace(/\s+/g, " ").trim();
  }

  function value(row, column) {
    var cell = row.cells[column], text = cell ? cell.dataset.v || words(cell) : "";
    return text === MISSING ? "" : text;
  }

  // numbers, then words, then what is missing; the two later ones stay behind the numbers when the order is turned
  function compare(a, b, down) {
    var x = a === "" ? 2 : isNaN(a) ? 1 : 0, y = b === "" ? 2 : isNaN(b) ? 1 : 0;
    if (x !== y) return x - y;
    var order = x ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
    return down ? -order : order;
  }

  function sort(table, head, column) {
    var down = head.getAttribute("aria-sort") === "ascending";
    head.parentNode.querySelectorAll("[aria-sort]").forEach(function (other) { other.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    Array.from(table.tBodies).forEach(function (group) {
      var rows = Array.from(group.rows).filter(function (row) { return !row.classList.contains("group"); });
      rows.sort(function (a, b) { return compare(value(a, column), value(b, column), down); });
      rows.forEach(function (row) { group.appendChild(row); });
    });
  }

  function onEnter(element, act) {
    element.setAttribute("tabindex", "0");
    element.addEventListener("keydown", function (event) { if (event.key === "Enter") act(); });
  }

  document.querySelectorAll("table.sort").forEach(function (table) {
    Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells).forEach(function (head, column) {
      var act = function () { sort(table, head, column); };
      head.addEventListener("click", act);
      onEnter(head, act);
    });
  });

  // as on the page, with the minus that a spreadsheet reads and a field for every column that a cell spans
  function csv(table) {
    return Array.from(table.rows).map(function (row) {
      return Array.from(row.cells).map(function (cell) {
        return '"' + words(cell).replace(/−/g, "-").replace(/"/g, '""') + '"' + ',""'.repeat(cell.colSpan - 1);
      }).join(",");
    }).join("\n");
  }

  function copy(text) {
    function byHand() {
      var area = document.body.appendChild(Object.assign(document.createElement("textarea"), { value: text }));
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    return navigator.clipboard ? navigator.clipboard.writeText(text).catch(byHand) : Promise.resolve(byHand());
  }

  document.querySelectorAll(".tbl").forEach(function (box) {
    var table = box.querySelector("table"), tools = document.createElement("div"), button = document.createElement("button");
    tools.className = "tools";
    button.type = "button";
    button.innerHTML = WORDS.csv;
    button.addEventListener("click", function () {
      copy(csv(table)).then(function () { button.innerHTML = WORDS.copied; });
    });
    tools.appendChild(button);
    box.insertBefore(tools, table);
  });

  var dialog = document.querySelector("dialog"), PICTURES = ".gallery img, .panels img, figure svg";

  function enlarge(picture) {
    var large = picture.cloneNode(true);
    large.removeAttribute("tabindex");
    dialog.replaceChildren(large);
    if (picture.alt) dialog.appendChild(Object.assign(document.createElement("p"), { textContent: picture.alt }));
    dialog.showModal();
  }

  document.querySelectorAll(PICTURES).forEach(function (picture) {
    onEnter(picture, function () { enlarge(picture); });
  });
  dialog.addEventListener("close", function () { dialog.replaceChildren(); });
  document.addEventListener("click", function (event) {
    var picture = event.target.closest(PICTURES);
    if (dialog.open) dialog.close();
    else if (picture) enlarge(picture);
  });

  var buttons = document.querySelectorAll("[data-setlang]");

  function speak(language) {
    document.body.dataset.lang = language;
    document.documentElement.lang = language === "both" ? document.body.dataset.first : language;
    buttons.forEach(function (button) { button.setAttribute("aria-pressed", button.dataset.setlang === language); });
  }

  buttons.forEach(function (button) {
    button.addEventListener("click", function () { speak(button.dataset.setlang); });
  });
  speak(document.body.dataset.lang);
})();
