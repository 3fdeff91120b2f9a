// The attempts of a day as a picture; the table below it says the same.
const place = document.getElementById('chart')
let chart

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

function draw(data) {
  chart?.destroy()
  const [text, line] = [colour('--muted'), colour('--line')]
  const axis = {
    stroke: text,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line },
    font: '14px system-ui',
  }
  const points = (name) => ({
    stroke: colour(name),
    width: 0,
    paths: () => null,
    points: { show: true, size: 7, fill: colour(name) },
  })
  chart = new uPlot(
    {
      width: place.clientWidth,
      height: 260,
      scales: {
        x: { min: data.from / 1000, max: data.to / 1000 },
        y: { range: (_self, _low, high) => [0, Math.max(1, (high ?? 1) * 1.1)] },
      },
      axes: [axis, { ...axis, size: 70, label: 'milliseconds', labelFont: '14px system-ui' }],
      series: [
        {},
        {
          label: 'accepted, ms',
          stroke: colour('--accent'),
          width: 2,
          spanGaps: false,
          points: { show: data.at.length < 200 },
        },
        { label: 'failed', ...points('--bad') },
        { label: 'not requested', ...points('--wait') },
      ],
    },
    [data.at.map((at) => at / 1000), data.accepted, data.failed, data.skipped],
    place,
  )
}

let last
async function load() {
  const answer = await fetch(place.dataset.source)
  if (!answer.ok) return
  last = await answer.json()
  place.hidden = last.at.length === 0
  if (last.at.length > 0) draw(last)
}

if (place) {
  load()
  document.addEventListener('refreshed', load)
  const again = () => last && last.at.length > 0 && draw(last)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again)
  let width = place.clientWidth
  addEventListener('resize', () => {
    if (place.clientWidth !== width) again()
    width = place.clientWidth
  })
}
