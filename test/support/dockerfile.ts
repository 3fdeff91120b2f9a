/** A Dockerfile as a list of stages, for what this project's own one uses: no heredocs, no variables in paths. */

export interface Instruction {
  readonly name: string
  /** Of `COPY` and `HEALTHCHECK`, for instance `from`. */
  readonly flags: ReadonlyMap<string, string>
  /** What follows the flags, as it stands. */
  readonly text: string
  /** The same as words, of the shell form or of the JSON form. */
  readonly words: readonly string[]
}

export interface Stage {
  readonly name: string | undefined
  readonly instructions: readonly Instruction[]
  /** The last one of that name. */
  last(name: string): Instruction
}

export function readDockerfile(text: string): readonly Stage[] {
  const lines = text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
  const stages: Instruction[][] = []
  for (const instruction of lines.map(readInstruction)) {
    if (instruction.name === 'FROM') stages.push([])
    stages.at(-1)?.push(instruction)
  }
  return stages.map((instructions) => ({
    name: /\bAS (\S+)$/i.exec(instructions[0]?.text ?? '')?.[1],
    instructions,
    last(name) {
      const found = instructions.findLast((one) => one.name === name)
      if (!found) throw new Error(`the Dockerfile has no ${name} there`)
      return found
    },
  }))
}

function readInstruction(line: string): Instruction {
  const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? []
  const flags = new Map<string, string>()
  const text = rest.replace(/^(--([\w-]+)=(\S+)\s+)+/, (all) => {
    for (const [, flag = '', value = ''] of all.matchAll(/--([\w-]+)=(\S+)/g)) flags.set(flag, value)
    return ''
  })
  return { name, flags, text, words: wordsOf(text) }
}

function wordsOf(text: string): readonly string[] {
  const json = /\[.*\]$/.exec(text)?.[0]
  if (json) return JSON.parse(json) as string[]
  return [...text.matchAll(/(?:[^\s"]|"[^"]*")+/g)].map(([word]) => word.replaceAll('"', ''))
}
