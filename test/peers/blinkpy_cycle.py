"""blinkpy as it is published, with its hosts replaced, through start, manifest and clip.

Run by hand: blinkpy is no dependency of ours.

    python3 -m venv venv && venv/bin/pip install git+https://github.com/fronzbot/blinkpy
    npm start -- simulate --port 8471 &
    venv/bin/python test/peers/blinkpy_cycle.py http://127.0.0.1:8471

Ends with 0 when the file of a new clip is the one in the simulator's journal.
"""

import asyncio
import hashlib
import json
import logging
import sys
import tempfile
import urllib.request

import aiohttp
from blinkpy import api, auth, blinkpy
from blinkpy.helpers import constants, util
from blinkpy.auth import BlinkTwoFARequiredError

base = sys.argv[1]


def replaced(url):
    """The same URL of the simulator."""
    oauth = url.replace("https://api.oauth.blink.com", base)
    return oauth.replace("https://rest-prod.immedia-semi.com", f"{base}/rest-prod")


def replace_hosts():
    """Nothing of blinkpy is changed but its hosts."""
    for module in (constants, api, auth, util):
        for name, value in list(vars(module).items()):
            if isinstance(value, str) and value.startswith("https://"):
                setattr(module, name, replaced(value))
    auth.Auth.get_tier_info.__defaults__ = (auth.TIER_ENDPOINT,)
    auth.Auth.login.__defaults__ = (auth.LOGIN_ENDPOINT, False)
    init = util.BlinkURLHandler.__init__

    def regional(self, region):
        init(self, region)
        host = f"https://rest-{region}.immedia-semi.com"
        for name, value in list(vars(self).items()):
            if isinstance(value, str):
                setattr(self, name, value.replace(host, f"{base}/rest-{region}"))

    util.BlinkURLHandler.__init__ = regional


def motion(camera):
    """Motion at a camera of the simulator; the journal's record of its clip."""
    body = json.dumps({"camera": camera, "delaySeconds": 0}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{base}/simulator/motion", data=body)) as answer:
        return json.load(answer)


async def cycle():
    """Sign in, start, and fetch the clip of a motion."""
    jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=base)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        blink = blinkpy.Blink(session=session)
        person = {"username": "anna@example.com", "password": "correct horse battery"}
        blink.auth = auth.Auth(person, no_prompt=True, session=session)
        try:
            await blink.start()
        except BlinkTwoFARequiredError:
            print("code accepted:", await blink.send_2fa_code("123456"))
        print("local storage:", {name: sync.local_storage for name, sync in blink.sync.items()})
        record = motion("Porch")
        await blink.refresh(force=True)
        camera = blink.cameras["Porch"]
        print("clip:", camera.clip)
        with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
            await camera.video_to_file(file.name)
            got = file.read()
        same = hashlib.sha256(got).hexdigest() == record["sha256"]
        print(f"file: {len(got)} bytes, {'as' if same else 'NOT as'} in the journal")
        return 0 if same else 1


logging.disable(logging.WARNING)
replace_hosts()
sys.exit(asyncio.run(cycle()))
