"""An RTSP server on this machine: a moving test picture as JPEG, on a free port that it prints.

Run by a Python that has Debian's python3-gi and gir1.2-gst-rtsp-server-1.0; ends with 77 where they
are missing. Its stream is /live, for the name "me" with the password "sesame".
"""

import sys

try:
    import gi
    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer
except (ImportError, ValueError) as error:
    print(error, file=sys.stderr)
    sys.exit(77)

Gst.init(None)
PIPELINE = ("( videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=15/1 ! "
            "jpegenc ! rtpjpegpay name=pay0 pt=26 )")


server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
auth = GstRtspServer.RTSPAuth()
me = GstRtspServer.RTSPToken()
me.set_string("media.factory.role", "me")
auth.add_basic(GstRtspServer.RTSPAuth.make_basic("me", "sesame"), me)
server.set_auth(auth)
permissions = GstRtspServer.RTSPPermissions()
role = Gst.Structure.new_empty("me")
role.set_value("media.factory.access", True)
role.set_value("media.factory.construct", True)
permissions.add_role_from_structure(role)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(PIPELINE)
factory.set_shared(True)
factory.set_permissions(permissions)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
