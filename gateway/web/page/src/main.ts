import "./app/page";
