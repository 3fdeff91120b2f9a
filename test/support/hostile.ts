/** Names that nobody should have and somebody will: what a hostile owner or cloud may put where a name belongs. */
import fc from 'fast-check'
import { anyCharacter } from './characters.ts'

/** Anything a terminal would obey, or that hides or turns what is written; ends of lines are allowed. */
export const drivesTerminal = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u

export const hostileNames: readonly string[] = [
  '\u001b[2J\u001b[1;1Hroot@host:~# ',
  '\u001b]0;title\u0007\u001b]52;c;cm0gLXJm\u0007',
  '\u009b31m\u0090q\u009c',
  'a/b/+/#',
  '+/#',
  '$SYS/broker',
  '../../etc/passwd',
  '🏠'.repeat(50),
  '👨‍👩‍👧 home',
  'long '.repeat(2_000),
  '<img src=x onerror="alert(1)"><script>alert(2)</script>',
  "'; DROP TABLE modules; --",
  '{{ states("lock.front") }}',
  '\u202egnp.exe\u2066',
  '\u200b\ufeff\u00ad',
  'two\nlines\r{"level":50,"msg":"forged"}',
  '\u0000\u0001\u007f',
  '\ud800 lone',
  'e\u0301'.repeat(300),
  '%s %d %o %j',
  '__proto__',
]

/** Any text, with what is hostile in it more often than chance would have it. */
export const hostileText = fc.oneof(
  fc.constantFrom(...hostileNames),
  fc.string({ unit: anyCharacter, maxLength: 200 }),
  fc
    .array(fc.oneof(fc.constantFrom(...hostileNames), fc.string({ unit: anyCharacter, maxLength: 9 })), {
      maxLength: 4,
    })
    .map((parts) => parts.join('')),
  fc.uint16Array({ maxLength: 20 }).map((units) => String.fromCharCode(...units)),
)
