// What tests find out inside a page; `chromium.ts` runs it there.
;({
  /** Texts that are smaller than so many pixels. */
  textsBelow(pixels) {
    const small = []
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (walker.nextNode()) {
      const { parentElement, textContent } = walker.currentNode
      if (!textContent.trim() || !parentElement.checkVisibility()) continue
      if (Number.parseFloat(getComputedStyle(parentElement).fontSize) < pixels) small.push(textContent.trim())
    }
    return small
  },

  /** What has the focus: its name, and whether a person can see that it has. */
  focused() {
    const at = document.activeElement
    if (at === document.body) return null
    const { outlineStyle, outlineWidth } = getComputedStyle(at)
    const box = at.getBoundingClientRect()
    const isInView =
      box.width > 0 && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight
    const name = at.ariaLabel ?? at.labels?.[0]?.textContent ?? at.textContent
    return {
      name: name.trim() || at.tagName,
      isVisible: isInView && outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2,
    }
  },

  /** How far the page can be scrolled sideways, in pixels. */
  sideways() {
    const { scrollWidth, clientWidth } = document.documentElement
    return scrollWidth - clientWidth
  },
})
