// Runs in our document before Streamlit's frontend: sets the server's address, and shows our texts in place of the
// frontend's when the server does not answer or a part of the page cannot be loaded. Moves the focus into
// a menu that a key opened, and keeps menus as the viewer left them; says when a page is drawn; prepares it for print.

// Relative to the page, so that it works behind a proxy that serves the app under a prefix.
window.__streamlit = { BACKEND_BASE_URL: new URL('.', location.href).href }

document.addEventListener('DOMContentLoaded', () => {
  const LATE_SECONDS = 3, LONG_SECONDS = 60
  const minutes = seconds => `${Math.floor(seconds / 60)} min`
  const WORDS = {
    first: () => 'Connecting to the dashboard.',
    notLoaded: () => 'This page could not be loaded. Check your connection and reload it.',
    firstLong: () => 'The dashboard does not answer. This page keeps trying; check your own connection too.',
    lost: () => 'Connection lost. This page keeps trying and goes on by itself.',
    lostLong: seconds => `No connection for ${minutes(seconds)}: the numbers are at least that old. This page keeps trying.`,
    over: () => 'This page cannot go on. Reload it: the address keeps what you chose.',
  }
  const notice = document.createElement('div')
  notice.id = 'connection'
  notice.setAttribute('role', 'status')
  document.body.append(notice)

  let wasConnected = false, isOver = false, since = Date.now(), timer = null
  const state = () => document.querySelector('.stApp')?.dataset.testConnectionState
  const say = () => {
    clearTimeout(timer)
    const now = state()
    if (now === 'CONNECTED') [wasConnected, since] = [true, null]
    else since ??= Date.now()
    const seconds = since === null ? 0 : (Date.now() - since) / 1000
    const kind = wasConnected ? 'lost' : 'first'
    let text = ''
    if (isOver || now === 'DISCONNECTED_FOREVER') text = WORDS.over()
    else if (seconds >= LONG_SECONDS && !now) text = WORDS.notLoaded()
    else if (seconds >= LONG_SECONDS) text = WORDS[`${kind}Long`](seconds)
    else if (seconds >= LATE_SECONDS) text = WORDS[kind]()
    if (notice.textContent !== text) notice.textContent = text
    if (since !== null) timer = setTimeout(say, 1000)
  }
  new MutationObserver(say).observe(document.getElementById('root'), {
    subtree: true, attributes: true, attributeFilter: ['data-test-connection-state'],
  })

  // A dialog without an element of the app is the frontend's own; document.css hides it. If the server answers, such a
  // dialog means that a message could not be read.
  new MutationObserver(() => {
    for (const dialog of document.querySelectorAll('.stDialog:not(:has(.stVerticalBlock))')) {
      isOver ||= state() === 'CONNECTED'
      dialog.querySelector('button[aria-label="Close"]')?.click()
      say()
    }
  }).observe(document.body, { childList: true })
  say()
})

// Menus: what the viewer did last holds. Answers of the server to what was done before come later, and would undo it.
{
  const FIELD = ':is(input, button, textarea, [tabindex="0"]):not(:disabled)', MOST_MS = 10_000
  const menu = () => document.querySelector('[data-testid="stPopoverBody"]')
  const keyOf = opener => /st-key-\S+/.exec(opener.closest('[class*="st-key-"]')?.className)?.[0]
  let wanted = null, isByKey = false, isByViewer = false

  // React draws what a key or a click changes before the next task.
  const nextTask = new MessageChannel()
  nextTask.port1.onmessage = () => { isByViewer = false }
  for (const type of ['click', 'keydown']) addEventListener(type, event => {
    if (!event.isTrusted) return
    isByViewer = true
    isByKey = event.detail === 0
    nextTask.port2.postMessage(null)
  }, true)

  // One that a key opens gets the focus: its content stands at the end of the document, a long way by Tab. An answer may
  // replace the content, which loses the focus again.
  const keepFocusIn = (opener, key) => {
    const until = performance.now() + MOST_MS
    let wasIn = false
    const look = () => {
      const at = document.activeElement, field = menu()?.querySelector(FIELD)
      const isLost = at === document.body || (at === opener && !wasIn)
      if (wanted !== key || !isByKey || performance.now() > until || !(isLost || menu()?.contains(at))) return
      if (isLost && field && !menu().querySelector('[data-testid="stSkeleton"]')) {
        field.focus({ preventScroll: true })
        wasIn = true
      }
      requestAnimationFrame(look)
    }
    requestAnimationFrame(look)
  }

  // The click is for this menu alone: another one that is open would take it for a click elsewhere.
  const toggle = opener => {
    document.body.addEventListener('click', event => event.stopPropagation(), { once: true })
    opener.click()
  }

  new MutationObserver(changes => {
    const openers = new Set(changes.map(change => change.target).filter(each => each.matches('[data-testid="stPopoverButton"]')))
    for (const opener of openers) {
      const isOpen = opener.getAttribute('aria-expanded') === 'true', key = keyOf(opener)
      if (isByViewer && isOpen) wanted = key
      else if (isByViewer && wanted === key) wanted = null
      else if (!isByViewer && isOpen !== (wanted === key)) toggle(opener)
      if (isOpen && wanted === key) keepFocusIn(opener, key)
    }
    if (openers.size) isByViewer = false
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ['aria-expanded'] })
}

// Drawn: the server sends all panels of a run before it says that the run has ended. The browser may still be loading the code
// of a part: then its frame is there, and what it is to hold is not.
{
  const MOST_SECONDS = 30, LOOK_MS = 200
  const RUNNING = '.stApp:not([data-test-script-state=notRunning])'
  // A skeleton, "has not answered yet", a part whose code is loading, a chart, a table or a button for files that is not there yet.
  const LOADING = [
    '[data-testid="stSkeletonElement"]', '[aria-label="hourglass_top icon"]', '[data-testid="stSkeleton"]',
    '.stPlotlyChart:not(:has(.main-svg))', '.stDataFrame:not(:has(canvas))', '[class*="st-key-csv-"]:not(:has([data-table]))',
  ].join()

  /** The panels that show no content yet. */
  window.loadingPanels = () => [...document.querySelectorAll('[class*="st-key-panel-"]')].filter(panel => panel.querySelector(LOADING))

  /** Waits until the page is drawn, or for half a minute. Looks twice: between a run and the next one, none is running. */
  window.pageDrawn = async () => {
    const until = Date.now() + MOST_SECONDS * 1000
    for (let looks = 0; looks < 2 && Date.now() < until;) {
      await new Promise(done => setTimeout(done, LOOK_MS))
      looks = document.querySelector(RUNNING) || window.loadingPanels().length ? 0 : looks + 1
    }
  }
}

// Print: each sheet names website and dates, and charts are as wide as the paper (style.css has the rest).
{
  const DRAWN_SECONDS = 3
  // A table as it is drawn for print, which scales it to the paper: wider ones would be too small to read, so columns are left out.
  // As high as what the header and the cards of a first sheet leave.
  const TABLE = { width: 1040, mostWidth: 1200, height: 950 }
  const heading = new CSSStyleSheet()
  document.adoptedStyleSheets.push(heading)
  const escaped = text => [...text].map(each => `\\${each.codePointAt(0).toString(16)} `).join('')
  const charts = () => document.querySelectorAll('.js-plotly-plot .main-svg')
  const frames = () => [...document.querySelectorAll('[data-testid="stDataFrameResizable"]')].filter(each => each.querySelector('table[aria-rowcount]'))
  /** Rows of a table with its heading, and their height; its frame may show fewer. */
  const rowsOf = frame => {
    const count = Number(frame.querySelector('table').getAttribute('aria-rowcount'))
    return { count, height: frame.querySelector('.dvn-stack').offsetHeight / count }
  }
  const number = count => count.toLocaleString('en')

  addEventListener('beforeprint', () => {
    const facts = document.querySelector('.st-key-header-facts p')?.textContent ?? ''
    const printed = new Date().toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
    const style = 'font: 8pt Inter, sans-serif; color: #6B7280;'
    heading.replaceSync(`@page { @top-left { content: "${escaped(`${document.title.split(' · ')[0]} · ${facts}`)}"; ${style} }
      @bottom-left { content: "${escaped(`Printed ${printed}`)}"; ${style} } } @page :first { @top-left { content: none; } }`)
    const [red, green, blue] = getComputedStyle(document.querySelector('.stApp')).backgroundColor.match(/\d+/g)
    document.documentElement.classList.toggle('is-dark', Number(red) + Number(green) + Number(blue) < 384)
    // A chart keeps the width of the screen; with this it is scaled to that of the paper.
    for (const chart of charts()) chart.setAttribute('viewBox', `0 0 ${chart.getAttribute('width')} ${chart.getAttribute('height')}`)
    for (const frame of frames()) {
      const { count, height } = rowsOf(frame)
      const shown = Math.floor(frame.clientHeight / height), isWide = frame.querySelector('.dvn-stack').offsetWidth > frame.clientWidth
      const words = []
      if (shown < count) words.push(`Printed: the first ${number(shown - 1)} of ${number(count - 1)} rows.`)
      if (isWide) words.push('The last columns are not printed.')
      if (words.length && frame.closest('[class*="st-key-panel-"]')?.querySelector('[data-table]')) words.push('The files have all.')
      frame.parentElement.toggleAttribute('data-left-out', words.length > 0)
      if (words.length) frame.parentElement.dataset.leftOut = words.join(' ')
    }
  })
  addEventListener('afterprint', () => {
    for (const chart of charts()) chart.removeAttribute('viewBox')
  })

  /** Opens the print dialog once the page is drawn, and its charts as wide as the paper, so that their text keeps its size. */
  window.printPage = async () => {
    await window.pageDrawn()
    const root = document.documentElement, until = Date.now() + DRAWN_SECONDS * 1000
    root.classList.add('is-printing')
    const heights = frames().map(frame => [frame, frame.style.height])
    for (const [frame] of heights) {
      const { count, height } = rowsOf(frame), width = frame.querySelector('.dvn-stack').offsetWidth + 2
      frame.style.height = `${Math.ceil(Math.min(count, Math.floor(TABLE.height / height)) * height) + 2}px`
      frame.parentElement.style.setProperty('--table-width', `${width > TABLE.mostWidth ? TABLE.width : Math.max(width, TABLE.width)}px`)
    }
    const width = document.querySelector('.stMainBlockContainer')?.clientWidth ?? Infinity
    const isDrawn = () => [...charts()].every(chart => chart.clientWidth <= width)
      && heights.every(([frame]) => frame.clientHeight - frame.querySelector('canvas').clientHeight < 5)
    do await new Promise(done => setTimeout(done, 300)); while (!isDrawn() && Date.now() < until)
    try {
      window.print()
    } finally {
      root.classList.remove('is-printing')
      for (const [frame, height] of heights) frame.style.height = height
    }
  }
  addEventListener('keydown', event => {
    if (event.key?.toLowerCase() !== 'p' || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return
    event.preventDefault()
    window.printPage()
  })
}
