/** Questions to the kernel and their answers, for all that knows one widget. */
class Asking extends Events {
  constructor(model) {
    super();
    this.model = model;
    this.questions = new Map();
    this.asked = 0;
    this.followed = [];
    this.follow('msg:custom', message => {
      if (message.t === 'answer') {
        this.answered(message);
      } else {
        this.number = message.n ?? this.number;
        this.hear(message);
      }
    });
  }

  /** Listen to the model until this ends. */
  follow(event, listener) {
    this.model.on(event, listener);
    this.followed.push([event, listener]);
  }

  /** Ask the kernel for something; the promise waits as long as the kernel is busy. */
  ask(what, fields = {}) {
    const number = `${++this.asked}-${Math.random().toString(36).slice(2, 8)}`;
    const answer = new Promise((resolve, reject) => this.questions.set(number, {resolve, reject}));
    this.model.send({...fields, t: 'ask', ask: number, do: what});
    return answer;
  }

  /** Say that what came last has been drawn. */
  acknowledge() {
    this.model.send({t: 'ack', n: this.number});
  }

  answered({ask, error, value}) {
    const question = this.questions.get(ask);
    this.questions.delete(ask);
    if (error) {
      question?.reject(error);
    } else {
      question?.resolve(value);
    }
  }

  /** It has ended. JupyterLab keeps the model of all that a cell ever showed: there should be nothing large in it. */
  forget() {
    this.followed.forEach(([event, listener]) => this.model.off(event, listener));
    for (const nothing of [null, '']) {  // twice: a model remembers how it was before
      this.model.set({snapshot: nothing, module: nothing, _esm: nothing, _css: nothing}, {silent: true});
    }
  }
}
