// Runs before Plotly's own code, as a part of its file: evaluating that takes a second or two, in which nothing is painted.
// The cards of a page are painted first.
{
  const LONGEST_MS = 1000, STEP_MS = 20
  const cardsAreMissing = () =>
    [...document.querySelectorAll('[class*=st-key-kpi-]')].some(card => !card.querySelector('[data-testid=stMetricValue]'))
  const pause = ms => new Promise(done => setTimeout(done, ms))
  const ends = performance.now() + LONGEST_MS
  while (cardsAreMissing() && performance.now() < ends) await pause(STEP_MS)
  await pause(STEP_MS) // A frame in which they are painted.
}
