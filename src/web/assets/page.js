// Makes pages live, and shows times in the person's own zone. Every page works without this file.
function localise(part) {
  for (const one of part.querySelectorAll('time[datetime]')) {
    const at = new Date(one.dateTime)
    const isToday = at.toDateString() === new Date().toDateString()
    const time = {
      hour: '2-digit',
      minute: '2-digit',
      ...('short' in one.dataset ? {} : { second: '2-digit' }),
    }
    const day = isToday ? {} : { year: 'numeric', month: 'short', day: 'numeric' }
    one.textContent = at.toLocaleString(undefined, { ...day, ...time })
    one.title = at.toISOString()
  }
  age(part)
}

// As `age` of layout.ts.
function age(part) {
  for (const one of part.querySelectorAll('[data-since]')) {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(one.dataset.since)) / 1000))
    const [unit, size] = [
      ['d', 86400],
      ['h', 3600],
      ['min', 60],
      ['s', 1],
    ].find(([, size]) => seconds >= size) ?? ['s', 1]
    const text = `${Math.floor(seconds / size)} ${unit}`
    if (one.textContent !== text) one.textContent = text
  }
}

// Makes `from` like `to`, in place: what has the focus keeps it, and what was typed stays.
function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || (from.id ?? '') !== (to.id ?? '')) {
    return from.replaceWith(document.importNode(to, true))
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.data !== to.data) from.data = to.data
    return
  }
  if (from.matches('textarea, select, video, input:not([type=hidden]), [data-keep]')) return
  for (const { name, value } of to.attributes)
    if (from.getAttribute(name) !== value) from.setAttribute(name, value)
  for (const { name } of [...from.attributes])
    if (!to.hasAttribute(name) && name !== 'open') from.removeAttribute(name)
  const wanted = [...to.childNodes]
  for (const [index, node] of wanted.entries()) {
    const here = from.childNodes[index]
    const same = node.id ? [...from.children].find((one) => one.id === node.id) : here
    if (!same) from.insertBefore(document.importNode(node, true), here ?? null)
    else {
      if (same !== here) from.insertBefore(same, here)
      morph(same, node)
    }
  }
  while (from.childNodes.length > wanted.length) from.lastChild.remove()
}

let isLoading = false
let isStale = false
async function refresh() {
  if (isLoading) {
    isStale = true
    return
  }
  isLoading = true
  isStale = false
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
    if (answer.ok) {
      const next = new DOMParser().parseFromString(await answer.text(), 'text/html')
      localise(next)
      for (const part of next.querySelectorAll('[data-part]')) {
        const old = document.getElementById(part.id)
        if (old) morph(old, part)
      }
      document.dispatchEvent(new Event('refreshed'))
    }
  } catch {
    // The stream says when there is somebody again.
  }
  isLoading = false
  if (isStale) refresh()
}

const parts = document.querySelector('main').dataset.live?.split(' ')
let source
function listen() {
  if (document.hidden || source) return
  source = new EventSource(`${document.body.dataset.root}live`)
  source.addEventListener('change', ({ data }) => {
    if (parts.includes('all') || data.split(' ').some((part) => parts.includes(part))) refresh()
  })
  // Again connected, after which anything may have changed; a stream that was refused is asked for later.
  let isAgain = false
  source.addEventListener('open', () => {
    if (isAgain) refresh()
    isAgain = true
  })
  source.addEventListener('error', () => {
    isAgain = true
    if (source?.readyState !== EventSource.CLOSED) return
    source = undefined
    setTimeout(listen, 30_000)
  })
}
if (parts) {
  listen()
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      source?.close()
      source = undefined
    } else {
      listen()
      refresh()
    }
  })
}

localise(document)
setInterval(() => age(document), 5_000)

document.body.classList.add('scripted')
document.addEventListener('click', async ({ target }) => {
  const button = target.closest?.('button[data-copy]')
  if (!button) return
  const status = document.getElementById('copied')
  try {
    await navigator.clipboard.writeText(button.dataset.copy)
    status.textContent = `Copied ${button.dataset.copy}.`
  } catch {
    // Without https the clipboard is closed, but what is selected can be copied by hand.
    getSelection().selectAllChildren(button.parentElement.querySelector('code'))
    status.textContent = 'Selected; copy it by the keyboard.'
  }
})
