/* Browsers start no worker from a page that was opened as a file. The search then runs in a hidden frame, which is given
   the two functions of a worker that it uses: importScripts, and postMessage to the page. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.onmessage = null;
      const base = new URL(url, location);
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      this.frame = frame.contentWindow;
      const inner = frame.contentDocument;
      const load = (source) =>
        new Promise((done, failed) => {
          const script = inner.createElement("script");
          Object.assign(script, { src: new URL(source, base).href, onload: done, onerror: failed });
          inner.body.appendChild(script);
        });
      this.frame.importScripts = (...sources) =>
        sources.reduce((before, source) => before.then(() => load(source)), Promise.resolve());
      this.frame.postMessage = (data) => {
        const event = new MessageEvent("message", { data });
        this.dispatchEvent(event);
        if (this.onmessage) this.onmessage(event);
      };
      this.ready = load(base);
    }

    postMessage(data) {
      this.ready.then(() => this.frame.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.frameElement.remove();
    }
  };
}
