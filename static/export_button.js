// Shared code of the buttons that save a file or copy a link: prepended to the file of each, as one module.

/** Runs `save(button, say)` at each click on a button of a component; `say` shows the result. */
function onClick(parentElement, save) {
  const status = parentElement.querySelector('[role=status]')
  // Success is announced to screen readers only; failure is also visible.
  const say = (text, isSeen = true) => {
    status.textContent = text
    status.className = isSeen ? '' : 'heard'
  }
  // Called again whenever the data changes; the last handler replaces the others.
  for (const button of parentElement.querySelectorAll('button')) button.onclick = () => save(button, say)
}

function download(file, name) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
