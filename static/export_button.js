// What the buttons for CSV and PNG share: it stands before the file of each, as one module.

/** Runs `save(button, say)` at each click on the button of a component; `say` tells how it went. */
function onClick(parentElement, save) {
  const button = parentElement.querySelector('button')
  const status = parentElement.querySelector('[role=status]')
  // What went well is there to be heard; what did not is also there to be seen.
  const say = (text, isSeen = true) => {
    status.textContent = text
    status.className = isSeen ? '' : 'heard'
  }
  // Called again whenever the data changes: the last one counts.
  button.onclick = () => save(button, say)
}

function download(file, name) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
