// The button under a canvas that downloads what it shows: website and caption above, on the page's colour.
export default function ({ data, parentElement }) {
  const button = parentElement.querySelector('button')
  const status = parentElement.querySelector('[role=status]')
  // What went well is there to be heard; what did not is also there to be seen.
  const say = (text, isSeen = true) => {
    status.textContent = text
    status.className = isSeen ? '' : 'heard'
  }

  const save = () => {
    const drawn = document.querySelector(data.canvas)
    if (!drawn || isBlank(drawn)) return say('Nothing is drawn yet.')
    const style = getComputedStyle(button)
    const unit = drawn.width / 40, band = 4 * unit
    const picture = document.createElement('canvas')
    picture.width = drawn.width
    picture.height = drawn.height + band
    const ink = picture.getContext('2d')
    ink.fillStyle = style.getPropertyValue('--st-background-color')
    ink.fillRect(0, 0, picture.width, picture.height)
    ink.drawImage(drawn, 0, band)
    ink.fillStyle = style.getPropertyValue('--st-text-color')
    const font = style.getPropertyValue('--st-font') || 'sans-serif'
    const write = (text, weight, size, line) => {
      ink.font = `${weight} ${size}px ${font}`
      ink.fillText(text, unit, line, picture.width - 2 * unit)
    }
    write(data.title, 600, unit, 2 * unit)
    write(data.caption, 400, 0.8 * unit, 3.4 * unit)
    picture.toBlob(file => {
      if (!file) return say('The browser made no picture of it.')
      const link = document.createElement('a')
      link.href = URL.createObjectURL(file)
      link.download = data.file
      link.click()
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
      say('Picture saved.', false)
    }, 'image/png')
  }

  const isBlank = canvas => {
    if (!canvas.width || !canvas.height) return true
    const small = new OffscreenCanvas(32, 32).getContext('2d')
    small.drawImage(canvas, 0, 0, 32, 32)
    return !small.getImageData(0, 0, 32, 32).data.some(Boolean)
  }

  // Called again whenever the data changes: the last one counts.
  button.onclick = save
}
