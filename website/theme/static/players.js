// Players: the picture of a figure becomes its player when it comes near the screen.
//
// Each tape is a script of its own, which hands it to `labkitTapes`: pages stay small, and no server is needed.

const NEAR = "400px 0px";

function loaded(address) {
  return new Promise((done, failed) => {
    const script = Object.assign(document.createElement("script"), { src: address, onload: done, onerror: failed });
    document.head.append(script);
  });
}

/** Play the tape of a place, and say when it can be moved; a second time changes nothing. */
function played(place) {
  return place.playing ??= startPlayer(place);
}

async function startPlayer(place) {
  const { tape } = place.dataset;
  await loaded(tape);
  const picture = [...place.childNodes], root = document.createElement("div");
  place.append(root); // before it plays: it takes the colours of where it stands
  place.player = await labkitPlay(root, labkitTapes[tape]);
  for (const each of picture) each.remove();
}

const seen = new IntersectionObserver(entries => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    played(target).catch(() => {}); // the picture stays
  }
}, { rootMargin: NEAR });

for (const place of document.querySelectorAll(".site-player")) seen.observe(place);
