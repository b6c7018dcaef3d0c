// The buttons of a page: all its tables as one workbook, and its print. The tables are those whose panels offer a file.
const SAID_SECONDS = 4
const FAILED = '[class*="st-key-retry-"]'

export default function ({ data, parentElement }) {
  const status = parentElement.querySelector('[role=status]')
  onClick(parentElement, async (button, say) => {
    // Shown over the page: the header has no room for a sentence.
    const shown = text => { say(text); status.className = 'done' }
    button.disabled = true
    try {
      if (button.dataset.does === 'print') return await window.printPage()
      shown('Making the workbook.')
      await window.pageDrawn()
      const tables = tablesOf(document)
      if (!tables.length) return shown('This page has no table with rows now.')
      const missing = without()
      const also = missing.length ? 'File saved, without the panels that show no numbers now: its sheet “About” names them.' : 'File saved.'
      await save(`{"workbook":[${tables.join(',')}],"is_page":true,"without":${JSON.stringify(missing)}}`, data.file, shown, also)
    } finally {
      button.disabled = false
      const last = status.textContent
      if (last === 'File saved.') setTimeout(() => status.textContent === last && say('', false), SAID_SECONDS * 1000)
    }
  })
}

/** The keys of the panels that show no numbers now: they failed, or still load. */
function without() {
  const panels = new Set(window.loadingPanels())
  for (const button of document.querySelectorAll(FAILED)) panels.add(button.closest('[class*="st-key-panel-"]'))
  return [...panels].filter(Boolean).map(panel => panel.className.match(/st-key-panel-([\w-]+)/)[1])
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
