"""OpenCV, with one thread.

Its threads wait for each other by spinning. Pictures here are small, so that they gain little; and
where other programs want the same cores, each call takes up to a hundred times as long: warping a
face of 224 pixels took 41 ms with one thread and 4.5 s with two, on two cores that tests were
running on.
"""

import cv2 as cv2

cv2.setNumThreads(1)
