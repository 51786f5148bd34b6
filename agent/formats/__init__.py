# SPDX-License-Identifier: Apache-2.0
"""What may stand in the headers of image files, a room for each format. Nothing but parsers.

Each gives the virtual size of the disk inside, and refuses what QEMU would follow to another file
or can't make sense of. They come after oslo.utils's inspectors, and know what those leave out.
"""
