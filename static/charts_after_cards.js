// Runs before Plotly's own code, as a part of its file: evaluating that takes a second or two, in which nothing is painted.
// The cards of a page are painted first.
{
  const LONGEST_MS = 3000, STEP_MS = 20
  const isLoading = cards =>
    cards.querySelector('[data-testid=stSkeleton]') || !cards.querySelector('[data-testid=stMetricValue], [data-testid=stAlert]')
  // While the page is still sent, its cards may not be there at all.
  const isSent = () => document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning'
  const cardsAreMissing = () => !isSent() || [...document.querySelectorAll('.st-key-panel-kpis, .st-key-panel-totals')].some(isLoading)
  const pause = ms => new Promise(done => setTimeout(done, ms))
  // The second frame begins when the first one, with the cards, is painted. A hidden tab has none.
  const painted = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
  const ends = performance.now() + LONGEST_MS
  while (cardsAreMissing() && performance.now() < ends) await pause(STEP_MS)
  await Promise.race([painted(), pause(LONGEST_MS)])
}
