// The buttons that download all rows of their panel: as CSV, and as an Excel workbook of one table.
export default function ({ data, parentElement }) {
  // For "Export page", which asks for the tables of all panels.
  parentElement.querySelector('button').getRootNode().host.dataset.table = data.request
  onClick(parentElement, async (button, say) => {
    button.disabled = true
    const isWorkbook = button.dataset.format === 'xlsx'
    if (isWorkbook) say('Making the workbook.', false)
    const body = isWorkbook ? `{"workbook":[${data.request}]}` : data.request
    await save(body, `${data.file}.${button.dataset.format}`, say)
    button.disabled = false
  })
}
