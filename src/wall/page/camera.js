// The phone's camera as a scanner, where the browser can read codes itself; elsewhere the box takes them.

const LOOK_EVERY_MS = 200;

export class Camera {
  /** Why there is no camera to scan with, as the end of a key of words; null: there may be one. */
  static missing() {
    if (!window.isSecureContext) return 'insecure';
    return 'BarcodeDetector' in window && navigator.mediaDevices ? null : 'none';
  }

  /** `read(code)` when a code was seen; the camera is off again by then. */
  constructor(video, read) {
    this.video = video;
    this.read = read;
    this.timer = 0;
    this.opening = false;
  }

  /** On, or off again; false: the person or the phone refused it, and the box is still there. */
  async toggle() {
    if (this.timer || this.opening) {
      this.off();
      return true;
    }
    this.opening = true;
    try {
      this.video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      await this.video.play();
      this.look(new window.BarcodeDetector());
      return true;
    } catch {
      this.off();
      return false;
    } finally {
      this.opening = false;
    }
  }

  look(detector) {
    this.video.hidden = false;
    this.timer = setInterval(async () => {
      const [found] = await detector.detect(this.video).catch(() => []);
      if (!found || !this.timer) return;
      this.off();
      this.read(found.rawValue);
    }, LOOK_EVERY_MS);
  }

  off() {
    clearInterval(this.timer);
    this.timer = 0;
    this.video.hidden = true;
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
  }
}
