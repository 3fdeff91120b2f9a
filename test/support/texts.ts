/** Texts for every setting: those that must be refused, and those that must be taken. */

const wrongNumbers = [
  '5abc',
  '1e3',
  '0x14',
  ' 5',
  '5 ',
  '5.0',
  '05',
  '+5',
  '-5',
  'five',
  '',
  'Infinity',
  'NaN',
  '١٢',
]
const wrongPlaces = [
  '1883',
  ':1883',
  'localhost',
  'localhost:',
  'localhost:65536',
  'localhost:01',
  'localhost:-1',
  '::1:1883',
  '[127.0.0.1]:1883',
  '[::1]',
  '300.1.1.1:1883',
  'a b:1',
  'mqtt://localhost:1883',
  '-a:1',
]
const wrongWords = ['INFO', 'inf', ' info', 'all ', 'none']
const wrongUrls = [
  'example.org',
  'https://',
  'https:example.org',
  'https:/example.org',
  'ftp://example.org',
  'https://exa mple.org',
  'https://example.org\\path',
  'https://example.org:99999',
  'https://example.org/?a=b',
  'https://example.org/#a',
  'https://{zone}.example.org',
  'https://example.org\n',
]
const wrongTopics = ['a/+', '#', 'a/$b', '/a', 'a/', 'a//b', 'a\u0000b', 'a\nb', 'é'.repeat(65), '\ud800']
const wrongPaths = ['a\u0000b', 'a\nb', '\u009b31m']
const wrongBooleans = ['2', 'ja', 'TRUE ', 'truee', '-1', '00', 'null']
const wrongLists = [
  '1,,2',
  '1,',
  ',',
  '01',
  '0',
  'a',
  '1/2/3',
  '1/',
  '/1',
  '1/0',
  '-1',
  '1.5',
  '1;2',
  '12345678901234567890',
]
const wrongNames = ['a\u0000b', 'a\tb', '\ud800', 'x'.repeat(65_536)]
const range = (least: number, most: number) => [
  ...wrongNumbers,
  String(least - 1),
  String(most + 1),
  '9'.repeat(400),
]

/** For every setting: texts that are refused, texts that are taken with the value they come to. */
export const table: Record<string, { wrong: string[]; right: [string, unknown][] }> = {
  dataDir: { wrong: wrongPaths, right: [['/var/lib/x', '/var/lib/x']] },
  'blink.tokens': { wrong: ['\ud800', 'x'.repeat(1_048_577)], right: [['a=b|c=d', '[secret]']] },
  'blink.tokensFile': { wrong: wrongPaths, right: [] },
  'blink.oauthUrl': {
    wrong: [
      ...wrongUrls,
      ...['https://rest-{region}.example.org', 'mqtt://example.org'],
      ...['https://example.org/a//b', 'https://example.org/a%20b', 'https://example.org/;x'],
    ],
    right: [
      ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080'],
      ['https://example.org/base', 'https://example.org/base'],
      ['https://[::1]:1', 'https://[::1]:1'],
    ],
  },
  'blink.restUrl': {
    wrong: wrongUrls,
    right: [
      ['https://rest-{region}.example.org/', 'https://rest-{region}.example.org'],
      ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ],
  },
  'blink.timeoutSeconds': {
    wrong: range(1, 300),
    right: [
      ['1', 1],
      ['300', 300],
    ],
  },
  'blink.concurrency': {
    wrong: range(1, 256),
    right: [
      ['1', 1],
      ['256', 256],
    ],
  },
  'blink.perAccount': {
    wrong: range(1, 8),
    right: [
      ['1', 1],
      ['8', 8],
    ],
  },
  'blink.dailyBudget': {
    wrong: range(0, 1_000_000),
    right: [
      ['0', 0],
      ['1000000', 1_000_000],
    ],
  },
  'schedule.cron': {
    wrong: ['* * * *', '* * * * * * *', '@hourly', '*\n* * * *'],
    right: [['0 5 * * 1-5', '0 5 * * 1-5']],
  },
  'schedule.timezone': {
    wrong: ['Mars/Base', '+02:00', 'CET-1CEST', ' UTC', ':UTC'],
    right: [
      ['Europe/Berlin', 'Europe/Berlin'],
      ['Asia/Calcutta', 'Asia/Calcutta'],
    ],
  },
  'schedule.spreadSeconds': {
    wrong: range(0, 3_600),
    right: [
      ['0', 0],
      ['3600', 3_600],
    ],
  },
  'schedule.onStart': {
    wrong: wrongBooleans,
    right: [
      ['0', false],
      ['Off', false],
      ['no', false],
      ['FALSE', false],
    ],
  },
  'schedule.allowFast': {
    wrong: wrongBooleans,
    right: [
      ['1', true],
      ['ON', true],
      ['yes', true],
      ['True', true],
    ],
  },
  'modules.include': {
    wrong: wrongLists,
    right: [
      ['44107', ['44107']],
      ['44107, 44107/350221 ,9223372036854775807', ['44107', '44107/350221', '9223372036854775807']],
      ['1,1', ['1']],
    ],
  },
  'modules.exclude': { wrong: wrongLists, right: [['44107/350221', ['44107/350221']]] },
  'modules.askAll': { wrong: wrongBooleans, right: [['true', true]] },
  'request.ttlSeconds': {
    wrong: range(10, 86_400),
    right: [
      ['10', 10],
      ['86400', 86_400],
    ],
  },
  'manifest.follow': { wrong: wrongBooleans, right: [['true', true]] },
  'manifest.pollSeconds': { wrong: range(2, 60), right: [['2', 2]] },
  'manifest.deadlineSeconds': { wrong: range(10, 600), right: [['600', 600]] },
  'clips.enabled': { wrong: wrongBooleans, right: [['true', true]] },
  'clips.directory': { wrong: wrongPaths, right: [['/media/blink', '/media/blink']] },
  'clips.mediaPrefix': {
    wrong: wrongNames,
    right: [['media-source://media_source/local/blink', 'media-source://media_source/local/blink']],
  },
  'clips.name': {
    wrong: [...wrongPaths, '{camera}', '{name}.mp4', '../{camera}.mp4', '/{camera}.mp4', 'a:{camera}.mp4'],
    right: [['{camera}/{time}.mp4', '{camera}/{time}.mp4']],
  },
  'clips.timezone': { wrong: ['Mars/Base', '+02:00', ' UTC'], right: [['Asia/Calcutta', 'Asia/Calcutta']] },
  'clips.backfillDays': { wrong: range(-1, 36_500), right: [['-1', -1]] },
  'clips.maxPerRun': { wrong: range(1, 1_000), right: [['1000', 1_000]] },
  'clips.dailyBudget': { wrong: range(0, 1_000_000), right: [['5000', 5_000]] },
  'clips.keepDays': { wrong: range(0, 36_500), right: [['30', 30]] },
  'clips.keepGigabytes': { wrong: range(0, 1_000_000), right: [['50', 50]] },
  'clips.reserveMegabytes': { wrong: range(0, 1_000_000), right: [['0', 0]] },
  'mqtt.url': {
    wrong: [
      ...wrongUrls,
      'http://broker',
      'mqtt://',
      'mqtt:broker',
      'mqtt://broker:x',
      'mqtt://broker/path',
      'mqtt://bücher',
      'wss://broker/mqtt?token=x',

      'tcp://broker:1883',
    ],
    right: [
      ['embedded', 'embedded'],
      ['mqtts://broker.example:8883', 'mqtts://broker.example:8883'],
      ['mqtt://[::1]:1883/', 'mqtt://[::1]:1883/'],
      ['wss://broker/mqtt', 'wss://broker/mqtt'],
      ['ws://broker', 'ws://broker'],
    ],
  },
  'mqtt.listen': {
    wrong: wrongPlaces,
    right: [
      ['0.0.0.0:0', '0.0.0.0:0'],
      ['[::]:65535', '[::]:65535'],
      ['broker.lan:1', 'broker.lan:1'],
    ],
  },
  'mqtt.username': { wrong: wrongNames, right: [['Zoë Smith', 'Zoë Smith']] },
  'mqtt.password': { wrong: ['\ud800', 'x'.repeat(65_536)], right: [] },
  'mqtt.passwordFile': { wrong: wrongPaths, right: [] },
  'mqtt.ca': { wrong: wrongPaths, right: [] },
  'mqtt.cert': { wrong: wrongPaths, right: [] },
  'mqtt.key': { wrong: wrongPaths, right: [] },
  'mqtt.clientId': { wrong: wrongNames, right: [['007', '007']] },
  'mqtt.baseTopic': { wrong: wrongTopics, right: [['home/blink requests', 'home/blink requests']] },
  'mqtt.topics': { wrong: wrongWords, right: [['work_items', 'work_items']] },
  'homeAssistant.enabled': { wrong: wrongBooleans, right: [['0', false]] },
  'homeAssistant.prefix': { wrong: wrongTopics, right: [['ha/discovery', 'ha/discovery']] },
  'homeAssistant.statusTopic': { wrong: wrongTopics, right: [['ha/status', 'ha/status']] },
  'web.listen': { wrong: wrongPlaces, right: [['[::1]:8090', '[::1]:8090']] },
  'web.password': { wrong: ['\ud800', 'x'.repeat(65_536)], right: [] },
  'web.passwordFile': { wrong: wrongPaths, right: [] },
  'web.ingress': { wrong: wrongPlaces, right: [['0.0.0.0:8099', '0.0.0.0:8099']] },
  'web.origins': {
    wrong: [
      ...['blink.example', 'ftp://blink.example', 'https://blink.example/page', 'https://u:p@blink.example'],
      ...['https://blink.example?a', 'null', '*', 'https://*.example'],
    ],
    right: [
      ['https://Blink.example/', ['https://blink.example']],
      ['https://a.example, http://b.lan:8080', ['https://a.example', 'http://b.lan:8080']],
    ],
  },
  'web.metrics': { wrong: wrongWords, right: [['off', 'off']] },
  'web.metricsPerModule': { wrong: wrongBooleans, right: [['1', true]] },
  'store.url': { wrong: ['mysql://db/blink', 'postgres://db', 'postgres:///blink'], right: [] },
  'store.urlFile': { wrong: wrongPaths, right: [] },
  'store.key': { wrong: [Buffer.alloc(31).toString('base64'), 'x'.repeat(44)], right: [] },
  'store.keyFile': { wrong: wrongPaths, right: [] },
  'store.schema': {
    wrong: ['public; DROP', 'Blink', 'pg_x', '1x', 'x'.repeat(41), ''],
    right: [['_blink2', '_blink2']],
  },
  'fleet.instance': {
    wrong: ['a/b', '+', '#', 'Zoë', 'x'.repeat(64)],
    right: [['blink-1.lan', 'blink-1.lan']],
  },
  'fleet.accountsInWork': { wrong: wrongNumbers, right: [['1', 1]] },
  'log.level': {
    wrong: wrongWords,
    right: [
      ['silent', 'silent'],
      ['trace', 'trace'],
    ],
  },
  'log.format': {
    wrong: wrongWords,
    right: [
      ['json', 'json'],
      ['pretty', 'pretty'],
    ],
  },
}
