// Runs before Plotly's own code, as a part of its file: evaluating that takes a second or two, in which nothing is painted.
// The cards of a page are painted first.
{
  const LONGEST_MS = 1000, STEP_MS = 20
  const isLoading = cards =>
    cards.querySelector('[data-testid=stSkeleton]') || !cards.querySelector('[data-testid=stMetricValue], [data-testid=stAlert]')
  const cardsAreMissing = () => [...document.querySelectorAll('.st-key-panel-kpis, .st-key-panel-totals')].some(isLoading)
  const pause = ms => new Promise(done => setTimeout(done, ms))
  const ends = performance.now() + LONGEST_MS
  while (cardsAreMissing() && performance.now() < ends) await pause(STEP_MS)
  await pause(STEP_MS) // A frame in which they are painted.
}
