// Controls of the globe: visible side, buttons, busiest places, and the redraw after a lost WebGL context.
// Streamlit draws the globe and keeps its view in the browser; this script reads and sets the view through deck.gl.
const TICK_MS = 80, TURN_MS = 900, STEP = 0.7, STEEPEST = 75, RADIUS = 256
const IDLE_MS = 30_000, LEFT_ALONE_MS = 120_000, DEGREES_PER_SECOND = 0.8, ANEW_MS = 60_000
const controls = new WeakMap(), boxes = new WeakSet()
const said = number => number.toLocaleString('en')
const isStill = () => matchMedia('(prefers-reduced-motion: reduce)').matches
const hasWebgl = (() => {
  const gl = document.createElement('canvas').getContext('webgl2')
  gl?.getExtension('WEBGL_lose_context')?.loseContext()
  return Boolean(gl)
})()

export default function (component) {
  let shown = controls.get(component.parentElement)
  if (!shown?.ticking) controls.set(component.parentElement, shown = new GlobeControls(component.parentElement))
  shown.update(component)
}

/** The deck.gl instance of a canvas, from its React component; undefined without one. */
function deckOf(canvas) {
  const key = canvas && Object.keys(canvas).find(name => name.startsWith('__reactFiber$'))
  for (let part = key && canvas[key]; part; part = part.return)
    for (let hook = part.memoizedState; hook && typeof hook === 'object'; hook = hook.next) {
      const deck = hook.memoizedState?.current?.deck
      if (deck?.getViewports) return deck.isInitialized ? deck : undefined
    }
}

/** The zoom that the globe would have at the equator: deck.gl lowers the zoom towards the poles. */
const shrunk = latitude => Math.log2(Math.cos(Math.min(Math.abs(latitude), 85.05) * Math.PI / 180))

class GlobeControls {
  constructor(root) {
    this.root = root
    this.panel = (root.host ?? root).closest('.st-key-globe')
    this.box = this.panel.querySelector('.st-key-globe-view')
    this.places = root.querySelector('.places')
    this.moved = performance.now() - LEFT_ALONE_MS + IDLE_MS
    this.opened = true
    const own = () => { this.aim = null; this.moved = performance.now() }
    if (!boxes.has(this.box)) {
      boxes.add(this.box)
      // The wheel scrolls the page; with Ctrl, or two fingers, it zooms.
      this.box.addEventListener('wheel', event => event.ctrlKey || event.metaKey || event.stopPropagation(), { capture: true })
    }
    for (const kind of ['pointerdown', 'wheel', 'keydown']) this.box.addEventListener(kind, own, { capture: true, passive: true })
    for (const button of root.querySelectorAll('[data-do]')) button.onclick = () => this[button.dataset.do]()
    for (const kind of ['pointerleave', 'focusout']) this.places.addEventListener(kind, () => setTimeout(() => this.list()))
    this.ticking = setInterval(() => this.tick(), TICK_MS)
  }

  update({ data, setStateValue, setTriggerValue }) {
    Object.assign(this, { data, setTriggerValue })
    if (!hasWebgl) {
      this.say('This browser does not draw WebGL, so there is no globe. The places and the list show the same visitors.', false)
      if (data.has_globe) setStateValue('has_webgl', false)
    }
    const cell = data.chosen?.cell ?? null
    if (cell && cell !== this.cell) this.turnTo(data.chosen)
    this.cell = cell
    this.list()
    this.seen = null
    // Wall mode has no clicks: a clock takes the place of the buttons.
    this.root.querySelector('.row').hidden = Boolean(data.clock)
  }

  tick() {
    if (!this.root.isConnected && !this.root.host?.isConnected) {
      clearInterval(this.ticking)
      this.ticking = null
      return
    }
    this.clock()
    const canvas = this.box.querySelector('canvas')
    if (canvas && canvas !== this.canvas) this.found(canvas)
    const deck = deckOf(canvas), view = deck?.props.viewState
    if (!view || this.isLost) return
    this.deck = deck
    if (this.opened) {
      this.opened = false
      if (this.last) this.set(this.last)
    }
    this.turn()
    const port = deck.getViewports()[0]
    if (port && port !== this.seen) {
      this.seen = port
      this.last = deck.props.viewState
      this.side(port)
    }
  }

  clock() {
    const { clock } = this.data ?? {}
    const time = clock ? new Date().toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: clock }) : ''
    const shown = this.root.querySelector('.clock')
    if (shown.textContent !== time) shown.textContent = time
  }

  /** Prepares a new canvas: the first one, or one after a lost context, which gets the last view again. */
  found(canvas) {
    this.canvas = canvas
    this.opened = true
    this.isLost = false
    if (hasWebgl) this.root.querySelector('.lost').hidden = true
    canvas.addEventListener('webglcontextlost', () => {
      this.isLost = true
      this.say('The graphics card let go of the globe. The places and the list go on.', true)
      if (document.hidden || performance.now() - (this.redrawn ?? -ANEW_MS) < ANEW_MS) return
      this.redrawn = performance.now()
      setTimeout(() => this.anew(), 1000)
    })
  }

  say(text, isMendable) {
    const lost = this.root.querySelector('.lost')
    lost.hidden = false
    lost.querySelector('p').textContent = text
    lost.querySelector('button').hidden = !isMendable
    this.root.querySelector('.side').textContent = ''
    this.root.querySelector('.buttons').hidden = !isMendable
  }

  anew() { if (this.isLost) this.setTriggerValue('anew', true) }

  /** Shows how many visitors are on the visible side. */
  side(port) {
    const [x, y, z] = port.cameraPosition
    let here = 0, all = 0
    for (const [longitude, latitude, visitors] of this.data.dots) {
      const [a, b, c] = port.projectPosition([longitude, latitude])
      all += visitors
      if (a * x + b * y + c * z > RADIUS * RADIUS) here += visitors
    }
    const people = all === 1 ? 'visitor' : 'visitors'
    const side = this.root.querySelector('.side')
    const text = !all ? '' : here === all ? (all === 1 ? 'The visitor is on this side' : `All ${said(all)} visitors are on this side`)
      : `${said(here)} of ${said(all)} ${people} on this side · drag to turn`
    if (side.textContent !== text) side.textContent = text
  }

  /** Moves the view one step towards its target; in wall mode turns the globe slowly while it is unused. */
  turn() {
    const now = performance.now(), passed = Math.min(now - (this.ticked ?? now), 500)
    this.ticked = now
    if (this.aim) return this.step(now)
    if (!this.data.clock || isStill() || document.hidden || now - this.moved < LEFT_ALONE_MS) return
    this.set({ longitude: this.deck.props.viewState.longitude - DEGREES_PER_SECOND * passed / 1000 })
  }

  step(now) {
    const { from, to, began } = this.aim
    const part = isStill() ? 1 : Math.min(1, (now - began) / TURN_MS), eased = 1 - (1 - part) ** 3
    const between = name => from[name] + (to[name] - from[name]) * eased
    const latitude = between('latitude')
    if (part === 1) this.aim = null
    else requestAnimationFrame(() => this.aim && this.step(performance.now()))
    this.set({ longitude: between('longitude'), latitude, zoom: between('size') + shrunk(latitude), bearing: between('bearing') })
  }

  set(view) {
    const whole = { ...this.deck.props.viewState, ...view }
    whole.longitude = ((whole.longitude + 540) % 360 + 360) % 360 - 180
    this.deck.props.onViewStateChange({ viewState: whole })
  }

  /** Sets the target view; `size` is its zoom at the equator. */
  go({ longitude, latitude, size, bearing }) {
    if (!this.deck) return
    const view = this.deck.props.viewState, from = { ...view, bearing: view.bearing ?? 0, size: view.zoom - shrunk(view.latitude) }
    const to = { longitude: longitude ?? from.longitude, latitude: latitude ?? from.latitude, size: size ?? from.size, bearing: bearing ?? from.bearing }
    to.size = Math.max(view.minZoom, Math.min(to.size, view.maxZoom))
    to.longitude = from.longitude + ((to.longitude - from.longitude + 540) % 360 + 360) % 360 - 180
    this.aim = { from, to, began: performance.now() }
    this.moved = performance.now()
  }

  home() {
    const { longitude, latitude, zoom } = this.data.home
    this.go({ longitude, latitude, size: zoom - shrunk(latitude), bearing: 0 })
  }

  in() { this.zoom(STEP) }
  out() { this.zoom(-STEP) }

  zoom(by) {
    const view = this.deck?.props.viewState
    if (view) this.go({ size: (this.aim?.to.size ?? view.zoom - shrunk(view.latitude)) + by })
  }

  turnTo({ longitude, latitude }) {
    if (!this.deck) return setTimeout(() => this.root.isConnected && this.turnTo({ longitude, latitude }), 500)
    this.go({ longitude, latitude: Math.max(-STEEPEST, Math.min(latitude, STEEPEST)) })
  }

  /** Draws the busiest places as buttons; their order does not change while one is hovered or focused. */
  list() {
    const shown = [...this.places.children], isHeld = this.places.matches(':hover') || shown.includes(this.root.activeElement)
    const latest = new Map(this.data.places.map(place => [place.cell, place]))
    const places = isHeld && shown.length ? shown.map(button => latest.get(button.place.cell) ?? { ...button.place, visitors: 0 }) : this.data.places
    const buttons = places.map(place => {
      const button = shown.find(each => each.place.cell === place.cell) ?? this.button()
      const chosen = String(place.cell === this.cell)
      button.place = place
      if (button.firstChild.data !== place.name) button.firstChild.data = place.name
      if (button.lastChild.textContent !== said(place.visitors)) button.lastChild.textContent = said(place.visitors)
      if (button.getAttribute('aria-pressed') !== chosen) button.setAttribute('aria-pressed', chosen)
      return button
    })
    if (buttons.length !== shown.length || buttons.some((button, at) => button !== shown[at])) this.places.replaceChildren(...buttons)
  }

  button() {
    const button = document.createElement('button')
    button.type = 'button'
    button.append(document.createTextNode(''), document.createElement('span'))
    button.onclick = () => {
      this.setTriggerValue('place', button.place.cell)
      if (button.place.cell !== this.cell) this.turnTo(button.place)
    }
    return button
  }
}
