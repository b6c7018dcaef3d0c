// The button that copies a link to the page with fixed dates.
const SAID_SECONDS = 4

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector('button'), byHand = parentElement.querySelector('input')
  const status = parentElement.querySelector('[role=status]')
  button.title = data.help
  byHand.onblur = () => byHand.hidden = true
  onClick(parentElement, async (_, say) => {
    const link = address(data)
    byHand.value = link
    byHand.hidden = true
    if (await copied(link)) {
      say('Copied')
      status.className = 'done'
      setTimeout(() => status.className === 'done' && say('', false), SAID_SECONDS * 1000)
    } else {
      byHand.hidden = false
      byHand.select()
      say('The browser does not let this page copy. Press Ctrl+C or ⌘C.', false)
    }
  })
}

/** The page's URL: valid parameters of the dashboard only, those of `fixed` with the values given there. */
function address({ names, fixed }) {
  const link = new URL(location.href), given = new Map(link.searchParams)
  const isIgnored = name => document.querySelector(`.st-key-ignored-${name}`)
  link.hash = link.search = ''
  for (const name of names) {
    const value = fixed[name] ?? (isIgnored(name) ? undefined : given.get(name))
    if (value !== undefined) link.searchParams.set(name, value)
  }
  return link.href
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}
