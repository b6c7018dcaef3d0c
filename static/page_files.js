// The buttons of a page: all its tables as one workbook, and its print. The tables are those whose panels offer a file.
const DRAWN_SECONDS = 30, SAID_SECONDS = 4
// A skeleton, and "has not answered yet".
const LOADING = ['[data-testid="stSkeletonElement"]', '[aria-label="hourglass_top icon"]'].map(each => `[class*="st-key-panel-"] ${each}`).join()
const RUNNING = '.stApp:not([data-test-script-state=notRunning])'
const FAILED = '[class*="st-key-retry-"]'

export default function ({ data, parentElement }) {
  const status = parentElement.querySelector('[role=status]')
  onClick(parentElement, async (button, say) => {
    if (button.dataset.does === 'print') return window.printPage()
    // Shown over the page: the header has no room for a sentence.
    const shown = text => { say(text); status.className = 'done' }
    button.disabled = true
    try {
      shown('Making the workbook.')
      await drawn()
      const tables = tablesOf(document)
      if (!tables.length) return shown('This page has no table with rows now.')
      const isWhole = !document.querySelector(`${LOADING},${FAILED}`)
      const also = isWhole ? 'File saved.' : 'File saved, without the panels that show no numbers now.'
      await save(`{"workbook":[${tables.join(',')}],"is_page":true}`, data.file, shown, also)
    } finally {
      button.disabled = false
      const last = status.textContent
      if (last === 'File saved.') setTimeout(() => status.textContent === last && say('', false), SAID_SECONDS * 1000)
    }
  })
}

/** Waits until the page's run has ended and no panel is loading: while its dates change, panels are of two views. */
async function drawn() {
  const until = Date.now() + DRAWN_SECONDS * 1000
  while (document.querySelector(`${RUNNING},${LOADING}`) && Date.now() < until)
    await new Promise(done => setTimeout(done, 200))
}

/** The requests of the tables, in the order of the page, each once. */
function tablesOf(page) {
  const found = new Map()
  for (const { dataset } of page.querySelectorAll('[data-table]')) {
    const { file, arguments: rest } = JSON.parse(dataset.table)
    found.set(JSON.stringify([file, rest]), dataset.table)
  }
  return [...found.values()]
}
