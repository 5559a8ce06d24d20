// What is wider than the page can be scrolled by keyboard; what fits is no stop on the way of the Tab key.

const watched = new ResizeObserver(entries => {
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});

for (const each of document.querySelectorAll("main pre, main table, .site-player, .site-output")) watched.observe(each);
