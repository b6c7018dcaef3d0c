// The button that downloads its panel as a picture: website and caption on top, on the page's background colour.
const SHARPNESS = 2, PADDING = 16
// The style properties that a copied element keeps: all of them, for each bar of a sparkline, would be tens of megabytes.
const LOOKS = `display position inset box-sizing width height min-height padding margin flex flex-direction flex-wrap
  align-items align-self justify-content row-gap column-gap grid-template-columns grid-column order border-top border-right
  border-bottom border-left border-radius background-color box-shadow color opacity visibility fill stroke font-family font-size
  font-weight font-style font-variant-numeric letter-spacing line-height text-align text-wrap white-space overflow-wrap
  overflow clip-path transform vertical-align list-style`.split(/\s+/)

export default function ({ data, parentElement }) {
  onClick(parentElement, async (button, say) => {
    const panel = button.getRootNode().host.closest('[class*="st-key-panel-"]')
    const shown = panel.querySelector(data.of)
    if (!shown || !shown.clientWidth) return say('Nothing is drawn yet.')
    try {
      const drawn = shown instanceof HTMLCanvasElement ? shown : await drawnAnew(shown, shown.matches('.js-plotly-plot') ? chartOf(shown) : copyOf(shown))
      if (isBlank(drawn)) return say('Nothing is drawn yet.')
      const picture = under(data, drawn, drawn.width / shown.clientWidth, getComputedStyle(button))
      const file = await new Promise(done => picture.toBlob(done, 'image/png'))
      if (!file) throw new Error('No PNG of this size.')
      download(file, data.file)
      say('Picture saved.', false)
    } catch (error) {
      console.warn(error)
      say('The browser made no picture of it.')
    }
  })
}

/** A canvas with the content, `scale` times as large as on the page, below title and caption. */
function under({ title, caption }, drawn, scale, style) {
  const picture = document.createElement('canvas'), ink = picture.getContext('2d')
  const padding = PADDING * scale, family = style.getPropertyValue('--st-font') || 'sans-serif'
  const write = { title: [`600 ${15 * scale}px ${family}`, 22 * scale], caption: [`400 ${12.5 * scale}px ${family}`, 18 * scale] }
  const lines = []
  for (const [kind, text] of [['title', title], ['caption', caption]]) {
    ink.font = write[kind][0]
    for (const line of wrapped(text, drawn.width, ink)) lines.push([line, ...write[kind]])
  }
  const band = padding / 2 + lines.reduce((sum, [, , height]) => sum + height, 0) + padding / 2
  picture.width = drawn.width + 2 * padding
  picture.height = band + drawn.height + 2 * padding
  ink.fillStyle = style.getPropertyValue('--st-background-color')
  ink.fillRect(0, 0, picture.width, picture.height)
  ink.drawImage(drawn, padding, band + padding)
  ink.fillStyle = style.getPropertyValue('--st-text-color')
  let base = padding / 2
  for (const [line, font, height] of lines) {
    ink.font = font
    ink.fillText(line, padding, base += height, drawn.width)
  }
  return picture
}

/** Text in lines that fit: broken between parts, and between words if a part is longer than a line. */
function wrapped(text, width, ink) {
  const fits = line => ink.measureText(line).width <= width
  const lines = []
  for (const part of text.split(' · ')) {
    for (const [number, words] of (fits(part) ? [part] : part.split(' ')).entries()) {
      const longer = `${lines.at(-1)}${number ? ' ' : ' · '}${words}`
      if (lines.length && fits(longer)) lines[lines.length - 1] = longer
      else lines.push(words)
    }
  }
  return lines
}

/** A canvas with nodes, in their size on the page: drawn through an image, which can only use embedded typefaces. */
async function drawnAnew(shown, nodes) {
  const { clientWidth: width, clientHeight: height } = shown
  const whole = svg('svg')
  whole.setAttribute('viewBox', `0 0 ${width} ${height}`)
  whole.setAttribute('width', width * SHARPNESS)
  whole.setAttribute('height', height * SHARPNESS)
  const faces = svg('style'), text = shown.querySelector('.main-svg text, p')
  faces.textContent = text ? await facesOf(getComputedStyle(text).fontFamily) : ''
  whole.append(faces, ...nodes)
  // Plotly's lines would keep their width in pixels: half of that on the page.
  for (const line of whole.querySelectorAll('[style*="vector-effect"]')) line.style.vectorEffect = 'none'
  // Plotly refers to clips and patterns by the page's URL; in the image the references must be local.
  const source = new XMLSerializer().serializeToString(whole).replace(/url\((&quot;|["']?)[^)#]*#/g, 'url($1#')
  const image = new Image()
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source)}`
  await image.decode()
  const canvas = document.createElement('canvas')
  canvas.width = width * SHARPNESS
  canvas.height = height * SHARPNESS
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height)
  return canvas
}

/** The layers of a Plotly chart, without the hover text. */
function chartOf(chart) {
  const layers = [...chart.querySelectorAll('.main-svg')].map(layer => layer.cloneNode(true))
  for (const hover of layers.flatMap(layer => [...layer.querySelectorAll('.hoverlayer')])) hover.replaceChildren()
  return layers
}

/** A copy of a part of the page with inline styles, because style sheets do not apply inside an image. */
function copyOf(part) {
  const copy = part.cloneNode(true), frame = svg('foreignObject')
  const originals = [part, ...part.querySelectorAll('*')], copies = [copy, ...copy.querySelectorAll('*')]
  for (const [number, original] of originals.entries()) {
    const style = getComputedStyle(original)
    copies[number].setAttribute('style', LOOKS.map(name => `${name}:${style.getPropertyValue(name)}`).join(';'))
  }
  for (const unfit of copy.querySelectorAll('button, [data-testid=stIconMaterial]')) unfit.remove()
  frame.setAttribute('width', '100%')
  frame.setAttribute('height', '100%')
  frame.append(copy)
  return [frame]
}

const svg = name => document.createElementNS('http://www.w3.org/2000/svg', name)

/** The rules of those named typefaces that the page itself serves, with the files embedded. */
async function facesOf(families) {
  const names = families.split(',').map(bare)
  const rules = [...document.styleSheets]
    .flatMap(sheet => { try { return [...sheet.cssRules] } catch { return [] } })  // Style sheets of another host cannot be read.
    .filter(rule => rule instanceof CSSFontFaceRule && names.includes(bare(rule.style.getPropertyValue('font-family'))))
  return (await Promise.all(rules.map(async ({ cssText, parentStyleSheet }) => {
    const [url, address] = /url\(["']?([^"')]+)["']?\)/.exec(cssText)
    const file = await (await fetch(new URL(address, parentStyleSheet.href ?? document.baseURI))).blob()
    const within = await new Promise((done, failed) => {
      const reader = new FileReader()
      reader.onload = () => done(reader.result)
      reader.onerror = () => failed(reader.error)
      reader.readAsDataURL(file)
    })
    return cssText.replace(url, `url("${within}")`)
  }))).join('\n')
}

const bare = name => name.trim().replace(/^["']|["']$/g, '')

function isBlank(canvas) {
  if (!canvas.width || !canvas.height) return true
  const small = new OffscreenCanvas(32, 32).getContext('2d')
  small.drawImage(canvas, 0, 0, 32, 32)
  return !small.getImageData(0, 0, 32, 32).data.some(Boolean)
}
