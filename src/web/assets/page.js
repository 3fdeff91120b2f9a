// Times in the person's own zone. Every page works without this file.
function localise(part) {
  for (const one of part.querySelectorAll('time[datetime]')) {
    const at = new Date(one.dateTime)
    const isToday = at.toDateString() === new Date().toDateString()
    one.textContent = isToday ? at.toLocaleTimeString() : at.toLocaleString()
    one.title = at.toISOString()
  }
}
localise(document)
for (const footnote of document.querySelectorAll('footer p')) footnote.remove()
