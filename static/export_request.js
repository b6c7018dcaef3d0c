// Shared code of the buttons that download a file made by the server; prepended like export_button.js. The server makes the
// file at the click, and checks access then.
const WAITING_SECONDS = 30, SAID_FROM_ROWS = 2000
const CSV = 'text/csv'

/** Asks for a file and saves it under a name: `body` is the text of the request, `also` a sentence to end with. */
async function save(body, name, say, also = '') {
  try {
    say('Reading the rows.', false)
    const answer = await answered(body, say)
    if (!answer.ok) return say(await reason(answer))
    const type = answer.headers.get('Content-Type').split(';')[0], isCut = answer.headers.has('X-Is-Cut')
    const { parts, rows } = await read(answer, say, type === CSV)
    download(new Blob(parts, { type }), name)
    const cut = `The file has the first ${said(rows)} rows: narrow the page down for the others.`
    const words = [isCut ? type === CSV ? cut : 'A list in the file is not complete: its sheet “About” says which.' : '', also]
    const seen = words.filter(Boolean).join(' ')
    say(seen || 'File saved.', Boolean(seen))
  } catch (error) {
    console.warn(error)
    say('The connection broke before the file was whole: nothing is saved. Try again.')
  }
}

/** The server's answer; waits for a server that is restarting. */
async function answered(request, say) {
  const until = Date.now() + WAITING_SECONDS * 1000
  for (;;) {
    try {
      // Relative to the page, so that it works behind a proxy that serves the app under a prefix.
      const answer = await fetch('export', { method: 'POST', body: request, headers: { 'Content-Type': 'application/json' } })
      if (![502, 504].includes(answer.status) || Date.now() > until) return answer
    } catch (error) {
      if (Date.now() > until) throw error
    }
    say('Waiting for the server.')
    await new Promise(done => setTimeout(done, 500))
  }
}

/** The parts of the file; shows the progress of a long CSV. */
async function read(answer, say, isCsv) {
  const total = Number(answer.headers.get('X-Total-Rows')), reader = answer.body.getReader()
  const parts = [], LINE_END = 10
  // The first line of a CSV holds the column names.
  for (let rows = -1; ;) {
    const { done, value } = await reader.read()
    if (done) return { parts, rows: isCsv ? rows : total }
    parts.push(value)
    if (!isCsv) continue
    for (const byte of value) rows += byte === LINE_END
    if (Math.max(rows, total) > SAID_FROM_ROWS) say(total ? `${said(rows)} of ${said(total)} rows` : `${said(rows)} rows`)
  }
}

const said = number => number.toLocaleString('en')

async function reason(answer) {
  try {
    return (await answer.json()).message
  } catch {
    return `The server made no file (status ${answer.status}). Reload the page and try again.`
  }
}
