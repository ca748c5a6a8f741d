"use strict";
// Headers become buttons that sort; without this script the tables are there all the same.
const status = document.getElementById("sorted");

function key(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.value === undefined) return cell.textContent.trim();
  return cell.dataset.value === "" ? null : Number(cell.dataset.value);
}

function sort(table, column) {
  const headers = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => ({ row, value: key(row, column) }));
  const numbers = keyed.some(({ value }) => typeof value === "number");
  const before = headers[column].getAttribute("aria-sort");
  // The most of a number first, the beginning of the alphabet first; again, and it turns round.
  const rising = before === "none" ? !numbers : before === "descending";
  keyed.sort((a, b) => {
    if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
    const order = numbers ? a.value - b.value : a.value.localeCompare(b.value);
    return rising ? order : -order;
  });
  body.append(...keyed.map(({ row }) => row));
  headers.forEach((header) => header.setAttribute("aria-sort", "none"));
  headers[column].setAttribute("aria-sort", rising ? "ascending" : "descending");
  const way = rising ? "ascending" : "descending";
  status.textContent = `${table.getAttribute("aria-label")}: by ${headers[column].textContent}, ${way}`;
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sort(table, column));
    header.replaceChildren(button);
    header.setAttribute("aria-sort", "none");
  });
}

// A table that does not fit is scrolled by keyboard, too; one that fits needs no stop of the tab key.
for (const box of document.querySelectorAll(".wide")) {
  if (box.scrollWidth > box.clientWidth) {
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", box.querySelector("table").getAttribute("aria-label"));
  }
}
