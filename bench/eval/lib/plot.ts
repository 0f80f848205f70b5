import type { RocPoint } from './roc.ts'

export interface RocSeries {
  readonly name: string
  readonly points: readonly RocPoint[]
}

const SIDE = 400
const MARGIN = 60
const LINE_HEIGHT = 18
const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1]
/** points closer than this to the last drawn one would not be seen */
const PIXEL = 0.5
/** after Okabe and Ito (2008), told apart by colour-blind readers too */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']

/** ROC curves as one SVG file, up to seven told apart by colour; x is the false positive rate, y the true positive rate. */
export function plotOf(title: string, series: readonly RocSeries[]): string {
  const width = SIDE + 2 * MARGIN
  const height = width + series.length * LINE_HEIGHT
  const at = (share: number): number => MARGIN + share * SIDE
  const up = (share: number): number => MARGIN + (1 - share) * SIDE
  const grid = TICKS.flatMap((tick) => [
    `<path d="M${at(tick)} ${up(0)}V${up(1)}M${at(0)} ${up(tick)}H${at(1)}" stroke="#ddd"/>`,
    `<text x="${at(tick)}" y="${up(0) + 16}" text-anchor="middle">${tick}</text>`,
    `<text x="${at(0) - 8}" y="${up(tick) + 4}" text-anchor="end">${tick}</text>`,
  ])
  const curves = series.flatMap(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length] ?? ''
    const y = width + i * LINE_HEIGHT
    return [
      `<path d="${pathOf(points.map(([x, y]) => [at(x), up(y)]))}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
      `<path d="M${at(0)} ${y - 4}h20" stroke="${colour}" stroke-width="3"/>`,
      `<text x="${at(0) + 28}" y="${y}">${escaped(name)}</text>`,
    ]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${width / 2}" y="${MARGIN / 2}" text-anchor="middle" font-size="15">${escaped(title)}</text>`,
    ...grid,
    `<path d="M${at(0)} ${up(0)}L${at(1)} ${up(1)}" stroke="#999" stroke-dasharray="4"/>`,
    `<text x="${at(0.5)}" y="${up(0) + 34}" text-anchor="middle">false positive rate</text>`,
    `<text transform="translate(${at(0) - 40} ${up(0.5)}) rotate(-90)" text-anchor="middle">true positive rate</text>`,
    ...curves,
    '</svg>\n',
  ].join('\n')
}

function pathOf(points: readonly RocPoint[]): string {
  let path = ''
  let drawn: RocPoint | undefined
  for (const [i, point] of points.entries()) {
    const last = i === points.length - 1
    const moved = drawn === undefined || Math.abs(point[0] - drawn[0]) + Math.abs(point[1] - drawn[1]) > PIXEL
    if (!moved && !last) continue
    path += `${drawn === undefined ? 'M' : 'L'}${point[0].toFixed(1)} ${point[1].toFixed(1)}`
    drawn = point
  }
  return path
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)
}
