// Generated from src/topics by `npm run generate`; a test fails when it is stale.
//
// An id of Blink's may be larger than a JavaScript number can hold: JSON.parse rounds it. The form that ends in
// `_str` keeps all digits.
import BridgeInfo from './bridge-info.json' with { type: 'json' }
import BridgeEvent from './bridge-event.json' with { type: 'json' }
import AccountState from './account-state.json' with { type: 'json' }
import ModuleInfo from './module-info.json' with { type: 'json' }
import ModuleState from './module-state.json' with { type: 'json' }
import WorkItem from './work-item.json' with { type: 'json' }
import ManifestPending from './manifest-pending.json' with { type: 'json' }
import ModuleEvent from './module-event.json' with { type: 'json' }
import ManifestReady from './manifest-ready.json' with { type: 'json' }
import ModuleClips from './module-clips.json' with { type: 'json' }
import ClipNew from './clip-new.json' with { type: 'json' }
import CommandManifestRequest from './command-manifest-request.json' with { type: 'json' }
import CommandClipsSync from './command-clips-sync.json' with { type: 'json' }
import CommandRescan from './command-rescan.json' with { type: 'json' }
import CommandPause from './command-pause.json' with { type: 'json' }
import CommandResume from './command-resume.json' with { type: 'json' }
import CommandOptions from './command-options.json' with { type: 'json' }
import CommandHealth from './command-health.json' with { type: 'json' }
import ResponseManifestRequest from './response-manifest-request.json' with { type: 'json' }
import ResponseClipsSync from './response-clips-sync.json' with { type: 'json' }
import ResponseRescan from './response-rescan.json' with { type: 'json' }
import ResponsePause from './response-pause.json' with { type: 'json' }
import ResponseResume from './response-resume.json' with { type: 'json' }
import ResponseOptions from './response-options.json' with { type: 'json' }
import ResponseHealth from './response-health.json' with { type: 'json' }
import ResponseRejected from './response-rejected.json' with { type: 'json' }
import OnceLine from './once-line.json' with { type: 'json' }
import Discover from './discover.json' with { type: 'json' }
import AccountLine from './account-line.json' with { type: 'json' }
import ClipsListLine from './clips-list-line.json' with { type: 'json' }
import ClipsDownloadLine from './clips-download-line.json' with { type: 'json' }
import LoginLine from './login-line.json' with { type: 'json' }
import StoreMove from './store-move.json' with { type: 'json' }
import Probe from './probe.json' with { type: 'json' }

export const schemas = {
  "bridge-info": BridgeInfo,
  "bridge-event": BridgeEvent,
  "account-state": AccountState,
  "module-info": ModuleInfo,
  "module-state": ModuleState,
  "work-item": WorkItem,
  "manifest-pending": ManifestPending,
  "module-event": ModuleEvent,
  "manifest-ready": ManifestReady,
  "module-clips": ModuleClips,
  "clip-new": ClipNew,
  "command-manifest-request": CommandManifestRequest,
  "command-clips-sync": CommandClipsSync,
  "command-rescan": CommandRescan,
  "command-pause": CommandPause,
  "command-resume": CommandResume,
  "command-options": CommandOptions,
  "command-health": CommandHealth,
  "response-manifest-request": ResponseManifestRequest,
  "response-clips-sync": ResponseClipsSync,
  "response-rescan": ResponseRescan,
  "response-pause": ResponsePause,
  "response-resume": ResponseResume,
  "response-options": ResponseOptions,
  "response-health": ResponseHealth,
  "response-rejected": ResponseRejected,
  "once-line": OnceLine,
  "discover": Discover,
  "account-line": AccountLine,
  "clips-list-line": ClipsListLine,
  "clips-download-line": ClipsDownloadLine,
  "login-line": LoginLine,
  "store-move": StoreMove,
  "probe": Probe,
}
