// The phone's camera as a scanner, where the browser can read codes itself; elsewhere the box takes them.

const LOOK_EVERY_MS = 200;

export class Camera {
  static isHere() {
    return 'BarcodeDetector' in window && Boolean(navigator.mediaDevices);
  }

  /** `read(code)` when a code was seen; the camera is off again by then. */
  constructor(video, read) {
    this.video = video;
    this.read = read;
    this.timer = 0;
  }

  async toggle() {
    if (this.timer) return this.off();
    try {
      this.video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      await this.video.play();
    } catch {
      // Refused by the person or the phone: the box is still there.
      return this.off();
    }
    this.video.hidden = false;
    const detector = new window.BarcodeDetector();
    this.timer = setInterval(async () => {
      const [found] = await detector.detect(this.video).catch(() => []);
      if (!found || !this.timer) return;
      this.off();
      this.read(found.rawValue);
    }, LOOK_EVERY_MS);
    return undefined;
  }

  off() {
    clearInterval(this.timer);
    this.timer = 0;
    this.video.hidden = true;
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
  }
}
