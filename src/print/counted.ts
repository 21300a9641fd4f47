// A number with its noun, such as `1 alert` or `2 alerts`.

export function counted (count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
