package org.mlc.scripts

import groovy.transform.CompileStatic
import org.camunda.bpm.engine.delegate.BpmnError
import org.codehaus.groovy.control.CompilationFailedException
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.MultipleCompilationErrorsException
import org.codehaus.groovy.control.messages.ExceptionMessage
import org.codehaus.groovy.control.messages.SyntaxErrorMessage
import org.codehaus.groovy.runtime.InvokerHelper

import java.lang.reflect.Field
import java.lang.reflect.Method
import java.lang.reflect.Modifier
import java.nio.charset.StandardCharsets
import java.util.regex.Pattern

/**
 * Answers one line of JSON with one line of JSON until its input ends. Scripts are compiled once per source.
 *
 * A script that leaves something behind which a later one could meet (a thread, a changed meta class, a system
 * property) gets its answer with "spent": the service then ends this process.
 */
@CompileStatic
class Worker {
    static final int SOURCES_KEPT = 256
    static final int CAUSES = 100
    static final String NAME = 'Script1.groovy'
    // whatever package of ModelOp's SDK a script imports a class from, ours is in one of them
    static final Pattern MODELOP = Pattern.compile('\\bcom\\.modelop\\.sdk\\.dataobjects(?:\\.[a-z]\\w*)*\\.(?=[A-Z*])')
    static final String ASSETS = 'com.modelop.sdk.dataobjects.v2.assets.'

    final GroovyClassLoader library = new GroovyClassLoader(Worker.classLoader)
    final Map<String, Class> compiled = new LinkedHashMap<String, Class>(64, 0.75f, true) {
        protected boolean removeEldestEntry(Map.Entry<String, Class> eldest) { size() > SOURCES_KEPT }
    }
    final MetaClassChanges changes = new MetaClassChanges()
    volatile long deadline = Long.MAX_VALUE
    int threads
    Properties properties

    static void main(String[] args) {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8), 1 << 16)
        OutputStream answers = new FileOutputStream(FileDescriptor.out)
        System.setIn(new ByteArrayInputStream(new byte[0]))
        System.setOut(new PrintStream(new Nowhere()))
        System.setErr(new PrintStream(new Nowhere()))
        Worker worker
        try {
            worker = new Worker()
            worker.warm()
        } catch (Throwable e) {
            // plain Java: what failed may be Groovy itself
            StringBuilder told = new StringBuilder('the worker could not be warmed: ')
            for (Throwable each = e; each != null; each = each.cause) {
                told.append(String.valueOf(each)).append('; ')
            }
            say(answers, told.toString().replace('\n' as char, ' ' as char))
            throw e
        }
        if (args.length > 0) {
            return  // only here to have its classes archived
        }
        worker.watch()
        say(answers, '{"ready": true}')
        String line
        while ((line = lines.readLine()) != null) {
            say(answers, worker.answer(line))
        }
        Runtime.runtime.halt(0)
    }

    static void say(OutputStream answers, String text) {
        answers.write((text + '\n').getBytes(StandardCharsets.UTF_8))
        answers.flush()
    }

    /** The first scripts are as quick as later ones: compiler and JSON are loaded. */
    void warm() {
        for (int i = 0; i < 3; i++) {
            Map request = [op: 'run', id: 'warm', seconds: 10, facts: [id: 'a'], variables: [a: [b: [1, 2.5d, 'x']], n: i],
                source: "import com.modelop.sdk.dataobjects.v2.assets.FileAsset\n" +
                    "def f = new FileAsset(); f.setFilename('x'); execution.setVariable('f', f)\n" +
                    "def l = a.b.findAll { it != null }.collect { \"\${it}\" }\n" +
                    "execution.setVariable('m', [k: l, n: n + ${i}]); execution.getVariable('a'); missing${i % 2}"]
            answer(Json.write(request))
            request.put('source', "execution.setVariable('n', n + 1)")
            answer(Json.write(request))
        }
        compiled.clear()
        GroovySystem.metaClassRegistry.addMetaClassRegistryChangeEventListener(changes)
        changes.count = 0
        properties = (Properties) System.properties.clone()
        threads = -1
    }

    /** Also without a service to end it, no script runs much longer than its deadline. */
    void watch() {
        Thread watcher = new Thread({
            while (true) {
                Thread.sleep(500)
                if (System.nanoTime() > deadline) {
                    Runtime.runtime.halt(4)
                }
            }
        } as Runnable, 'deadline')
        watcher.daemon = true
        watcher.start()
        threads = liveThreads()
    }

    String answer(String line) {
        Map request = (Map) Json.read(line)
        Object id = request.remove('id')
        double seconds = ((Number) request.get('seconds')).doubleValue()
        deadline = System.nanoTime() + (long) ((seconds + 5) * 1e9d)
        String text
        try {
            text = request.get('op') == 'check' ? check(request) : run(request)
        } catch (StackOverflowError e) {
            text = failure('the script calls itself too deeply', 0)
        } catch (MultipleCompilationErrorsException e) {
            text = syntax(e)
        } catch (Throwable e) {
            text = failure(told(e), lineOf(e))
        }
        deadline = Long.MAX_VALUE
        // a script can write lines of its own to the service, but has no way to this number
        return '{"id":"' + id + (wasLeftClean() ? '",' : '","spent":true,') + text.substring(1)
    }

    boolean wasLeftClean() {
        if (threads < 0) {
            return true
        }
        return changes.count == 0 && liveThreads() <= threads && System.properties == properties
    }

    static int liveThreads() {
        ThreadGroup group = Thread.currentThread().threadGroup
        while (group.parent != null) {
            group = group.parent
        }
        return group.activeCount()
    }

    String check(Map request) {
        compile((String) request.get('source'))
        return '{"result":null,"written":{},"removed":[]}'
    }

    String run(Map request) {
        Class type = compile((String) request.get('source'))
        Execution execution = new Execution((Map<String, Object>) request.get('variables'), (Map) request.get('facts'))
        Script script = InvokerHelper.createScript(type, new Names(execution))
        try {
            return Outcome.text(script.run(), execution, null)
        } catch (Exception e) {
            BpmnError thrown = thrownBy(e)
            if (thrown == null) {
                throw e
            }
            return Outcome.text(null, execution, thrown)
        }
    }

    /** The exception or what caused it, as Camunda looks for it. */
    static BpmnError thrownBy(Throwable e) {
        int depth = 0
        for (Throwable each = e; each != null && depth < CAUSES; each = each.cause) {
            if (each instanceof BpmnError) {
                return (BpmnError) each
            }
            depth++
        }
        return null
    }

    Class compile(String source) {
        Class type = compiled.get(source)
        if (type == null) {
            CompilerConfiguration settings = new CompilerConfiguration()
            GroovyClassLoader loader = new GroovyClassLoader(library, settings)
            int before = changes.count
            type = loader.parseClass(MODELOP.matcher(source).replaceAll(ASSETS), NAME)
            changes.count = before
            refuseFinalizers(loader)
            if (keepsNothing(loader)) {
                compiled.put(source, type)
            }
        }
        return type
    }

    /** They would run later, in the middle of another script. */
    static void refuseFinalizers(GroovyClassLoader loader) {
        for (Class each : loader.loadedClasses) {
            for (Method method : each.declaredMethods) {
                if (method.name == 'finalize' && method.parameterCount == 0) {
                    throw new UnsupportedOperationException('a script cannot define finalize()')
                }
            }
        }
    }

    /** Static fields would carry a value from one run into the next. */
    static boolean keepsNothing(GroovyClassLoader loader) {
        for (Class each : loader.loadedClasses) {
            for (Field field : each.declaredFields) {
                if (Modifier.isStatic(field.modifiers) && !field.synthetic && !field.name.startsWith('$')
                        && !field.name.startsWith('__$')) {
                    return each.enum && Modifier.isFinal(field.modifiers)
                }
            }
        }
        return true
    }

    static String syntax(MultipleCompilationErrorsException e) {
        Object first = e.errorCollector.errors.get(0)
        if (first instanceof SyntaxErrorMessage) {
            def cause = ((SyntaxErrorMessage) first).cause
            return failure('SyntaxError: ' + cause.originalMessage.trim(), cause.line)
        }
        if (first instanceof ExceptionMessage) {
            return failure('SyntaxError: ' + ((ExceptionMessage) first).cause.message?.trim(), 0)
        }
        return failure('SyntaxError: ' + e.message.trim(), 0)
    }

    static String failure(String message, int line) {
        return Json.write([error: [message: message, line: line]])
    }

    static String told(Throwable e) {
        String message
        try {
            message = e.message
        } catch (Throwable ignored) {
            message = null
        }
        if (message != null) {
            int hints = message.indexOf('\nPossible solutions:')
            message = message.substring(0, Math.min(hints < 0 ? message.length() : hints, 2000))
        }
        String kind = e.class.simpleName
        return message == null || message.empty ? kind : kind + ': ' + message
    }

    static int lineOf(Throwable e) {
        try {
            for (StackTraceElement frame : e.stackTrace) {
                if (frame.fileName == NAME) {
                    return Math.max(frame.lineNumber, 0)
                }
            }
        } catch (Throwable ignored) {
            return 0
        }
        return 0
    }
}

/** Where a script's prints go. */
@CompileStatic
class Nowhere extends OutputStream {
    void write(int b) {}

    void write(byte[] b, int from, int length) {}
}

@CompileStatic
class MetaClassChanges implements MetaClassRegistryChangeEventListener {
    int count

    void updateConstantMetaClass(MetaClassRegistryChangeEvent event) {
        // a class of the script itself goes with it; any other is everybody's
        if (event.classToUpdate != null && !(event.classToUpdate.classLoader instanceof GroovyClassLoader)) {
            count++
        }
    }
}

/** What a script's bare names mean: its own first, then the variables as they are now. */
@CompileStatic
class Names extends Binding {
    private final Map<String, Object> own = new LinkedHashMap<>()
    private final Execution execution

    Names(Execution execution) {
        this.execution = execution
    }

    Object getVariable(String name) {
        if (own.containsKey(name)) {
            return own.get(name)
        }
        if (name == 'execution') {
            return execution
        }
        if (execution.hasVariable(name)) {
            return execution.getVariable(name)
        }
        throw new MissingPropertyException(name, Script)
    }

    void setVariable(String name, Object value) {
        own.put(name, value)
    }

    void removeVariable(String name) {
        own.remove(name)
    }

    boolean hasVariable(String name) {
        return name == 'execution' || own.containsKey(name) || execution.hasVariable(name)
    }

    Map getVariables() {
        Map all = new LinkedHashMap(execution.variables)
        all.putAll(own)
        all.put('execution', execution)
        return all
    }

    Object getProperty(String name) {
        return name == 'variables' ? variables : getVariable(name)
    }

    void setProperty(String name, Object value) {
        setVariable(name, value)
    }
}
