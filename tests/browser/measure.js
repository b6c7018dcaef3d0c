/* What a reader would stumble over at the width the window has now, as a list of sentences. */
() => {
  const faults = new Set()
  const main = document.querySelector('[data-testid=stMain]') ?? document.documentElement
  const named = element => {
    const keys = []
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const key = [...(at.classList ?? [])].find(name => name.startsWith('st-key-'))
      if (key) keys.unshift(key.slice(7))
    }
    return keys.slice(-3).join(' > ') || element.closest?.('[data-testid]')?.dataset.testid || element.tagName
  }
  const say = (what, element, text) => faults.add(`${what}: “${text.trim().slice(0, 60)}” in ${named(element)}`)

  /* A chart follows its room a moment later. */
  for (const chart of document.querySelectorAll('.js-plotly-plot')) {
    const wide = chart.querySelector('.main-svg')?.getBoundingClientRect().width ?? 0
    if (chart.checkVisibility() && Math.abs(wide - chart.getBoundingClientRect().width) > 2) say('as wide as before', chart, 'chart')
  }

  for (const each of [document.documentElement, main])
    if (each.scrollWidth > each.clientWidth + 1) {
      const right = each.getBoundingClientRect().left + each.clientWidth
      const widest = [...main.querySelectorAll('*')].find(at => at.getBoundingClientRect().right > right + 1)
      say(`wider than the page by ${each.scrollWidth - each.clientWidth} px`, widest ?? each, widest?.textContent ?? '')
    }

  /* Texts, each with its lines as rectangles. */
  const texts = []
  const walker = document.createTreeWalker(document.querySelector('.stApp'), NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement
    if (!node.data.trim() || element.closest('style, script, noscript, canvas, [data-testid=stIconMaterial], .deck-tooltip')) continue
    if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    const lines = [...range.getClientRects()].filter(line => line.width > 1 && line.height > 1)
    // Neither what is for a screen reader alone nor a sidebar that is folded away.
    if (!lines.length || lines.every(line => line.right <= 0 || line.left >= innerWidth)) continue
    const hidden = element.closest('[aria-hidden=true], .visually-hidden')
    const clips = [element, element.parentElement].map(each => getComputedStyle(each))
    if (hidden?.closest('[data-testid=stSidebar]') || clips.some(each => each.clipPath !== 'none' || each.clip !== 'auto')) continue
    texts.push({node, element, lines, text: node.data})
  }

  for (const {node, element, lines, text} of texts) {
    /* Cut by an ancestor that does not scroll, or by the edge of its picture. */
    for (let at = element; at && at !== main.parentElement; at = at.parentElement) {
      const style = getComputedStyle(at)
      const isPicture = at.localName === 'svg'
      if (/auto|scroll/.test(style.overflowX + style.overflowY)) break
      if (!isPicture && !/hidden|clip/.test(style.overflowX)) continue
      const box = at.getBoundingClientRect()
      if (lines.some(line => line.left < box.left - 1.5 || line.right > box.right + 1.5 || line.top < box.top - line.height / 2
        || line.bottom > box.bottom + line.height / 2)) {
        say('cut', element, text)
        break
      }
    }
    /* A word in more than one line; an address may break, but not letter by letter. */
    if (lines.length > 1)
      for (const word of text.matchAll(/[^\s–—-]+/g)) {
        const range = document.createRange()
        range.setStart(node, word.index)
        range.setEnd(node, word.index + word[0].length)
        const parts = [...range.getClientRects()].filter(part => part.width > 0.5)
        const tops = new Set(parts.map(part => Math.round(part.top)))
        if (tops.size < 2) continue
        const size = parseFloat(getComputedStyle(element).fontSize)
        const isAddress = word[0].length > 24 || /[\/.@_&=?]/.test(word[0].slice(1, -1))
        if (!isAddress || parts.some((part, n) => n < parts.length - 1 && part.width < 2 * size))
          say(`word broken into ${tops.size} lines`, element, word[0])
      }
  }

  /* Texts that stand on each other. */
  const boxes = texts.flatMap(({element, lines, text}) => lines.map(line => ({element, line, text})))
    .sort((one, other) => one.line.top - other.line.top)
  const fixed = element => !!element.closest('[data-testid=stHeader], [data-testid=stSidebar]')
  boxes.forEach((one, number) => {
    for (const other of boxes.slice(number + 1)) {
      if (other.line.top > one.line.bottom - 3) break
      if (one.element === other.element || fixed(one.element) !== fixed(other.element)) continue
      const wide = Math.min(one.line.right, other.line.right) - Math.max(one.line.left, other.line.left)
      const high = Math.min(one.line.bottom, other.line.bottom) - Math.max(one.line.top, other.line.top)
      if (wide > 2 && high > 4) say(`overprinted by “${other.text.trim().slice(0, 40)}”`, one.element, one.text)
    }
  })

  /* Controls that reach below their place, where the next element covers them. */
  for (const button of main.querySelectorAll('[data-testid=stElementContainer] button')) {
    const place = button.closest('[data-testid=stElementContainer]').getBoundingClientRect()
    if (button.checkVisibility() && place.height && button.getBoundingClientRect().bottom > place.bottom + 3)
      say('below its place', button, button.textContent)
  }

  /* Pictures and bars too narrow to compare anything. */
  for (const area of document.querySelectorAll('.js-plotly-plot .nsewdrag, [data-testid=stProgress]')) {
    const width = area.getBoundingClientRect().width
    if (area.checkVisibility() && width && width < 60) say(`only ${Math.round(width)} px wide`, area, 'bars')
  }
  return [...faults]
}
